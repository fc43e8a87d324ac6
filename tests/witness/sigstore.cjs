// Checks a Sigstore bundle with a public key, offline: node sigstore.cjs BUNDLE KEY
const { createPublicKey } = require("crypto");
const { readFileSync } = require("fs");
const { createRequire } = require("module");
const require_ = createRequire(process.cwd() + "/");
const { bundleFromJSON } = require_("@sigstore/bundle");
const { Verifier, toSignedEntity, toTrustMaterial } = require_("@sigstore/verify");

const [bundle, pem] = process.argv.slice(2).map((path) => readFileSync(path, "utf8"));
const root = { tlogs: [], ctlogs: [], certificateAuthorities: [], timestampAuthorities: [] };
const trust = toTrustMaterial(root, () => ({ publicKey: createPublicKey(pem), validFor: () => true }));
const verifier = new Verifier(trust, { tlogThreshold: 0, ctlogThreshold: 0, tsaThreshold: 0 });
verifier.verify(toSignedEntity(bundleFromJSON(JSON.parse(bundle))));
