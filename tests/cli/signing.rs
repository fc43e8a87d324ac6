//! `casefile attest`, and a gate that asks for signatures.

use std::fs;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use casefile_attest::PrivateKey;
use serde_json::Value;

use crate::gating::Pipeline;
use crate::text;

/// The PEM files of an Ed25519 key that is made of one byte.
fn key(byte: u8) -> (String, String) {
    let pem =
        |label: &str, der: &[u8]| format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der));
    let mut der = vec![0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
    der.extend([byte; 32]);
    let private = pem("PRIVATE KEY", &der);
    let public = pem("PUBLIC KEY", PrivateKey::from_pem(&private).unwrap().public().spki());
    (private, public)
}

fn policy(public: &str) -> String {
    format!(
        "service = \"bf-manage-core\"\n[gate]\nwaves = [[\"ap-southeast-2\"], [\"eu-west-1\"]]\nwaivable = [\"missing\"]\n\
         keys = [\"\"\"{public}\"\"\"]\nwaiver_keys = [\"\"\"{public}\"\"\"]\n"
    )
}

/// The one file below a folder that has this text.
fn only(folder: &Path, text: &str) -> std::path::PathBuf {
    let mut found: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    while let Some(at) = found.iter().position(|path| path.is_dir()) {
        let inner = found.swap_remove(at);
        found.extend(fs::read_dir(inner).unwrap().map(|entry| entry.unwrap().path()));
    }
    found.retain(|path| fs::read_to_string(path).unwrap().contains(text));
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

#[test]
fn a_gate_may_ask_for_signatures() {
    let ((private, public), (other, other_public)) = (key(7), key(8));
    let pipeline = Pipeline::new(&policy(&public));
    let at = pipeline.folder();
    for (name, pem) in
        [("ours.pem", &private), ("theirs.pem", &other), ("ours.pub", &public), ("theirs.pub", &other_public)]
    {
        fs::write(at.join(name), pem).unwrap();
    }
    pipeline.deployed("healthy-migration", "ap-southeast-2", "v1", 1);
    let reasons = || pipeline.reasons("eu-west-1", "v1", 1);
    assert_eq!(reasons(), (4, vec!["not_signed".to_owned()]));
    let verdict = at.join("bf-manage-core-healthy-migration-ap-southeast-2-v1.json");
    let sign = |key: &str| pipeline.job(1, &["attest", text(&verdict), "--key", key, "--archive", "kept"]);
    assert_eq!(sign("theirs.pem").code, 0);
    assert_eq!(reasons(), (4, vec!["not_signed".to_owned()]), "a key that the policy does not have");
    assert_eq!(sign("ours.pem").code, 0);
    assert_eq!(reasons(), (0, vec!["passed".to_owned()]));
    // The decision holds who signed, and recomputes.
    let (_, decision) = pipeline.gate("eu-west-1", "v1", 1, &[]);
    assert_eq!(decision["inputs"]["signatures"].as_object().unwrap().len(), 1, "{decision}");
    let again = pipeline.job(1, &["reproduce", decision["digest"].as_str().unwrap(), "--archive", "kept"]);
    assert_eq!(again.code, 0, "{}{}", again.out, again.err);
    // A verdict file brings its signature along.
    let (code, _) = pipeline.gate("eu-west-1", "v1", 1, &["--verdict", text(&verdict)]);
    assert_eq!(code, 0);

    let envelope = verdict.with_extension("intoto.json");
    let verify = |key: &str| {
        pipeline.job(1, &["verify", "--attestation", text(&envelope), "--key", key, "--verdict", text(&verdict)])
    };
    let sound = verify("ours.pub");
    assert_eq!(
        (sound.code, sound.out.contains("pass, bf-manage-core v1 in ap-southeast-2")),
        (0, true),
        "{}",
        sound.out
    );
    let unknown = verify("theirs.pub");
    assert_eq!((unknown.code, unknown.out.contains("no given key signed it")), (6, true), "{}", unknown.out);

    // A signature that names the policy's key and is not by it is a forgery, and no mere lack.
    let id = PrivateKey::from_pem(&private).unwrap().public().id();
    let kept = only(&at.join("kept/attestations"), &id);
    let mut forged: Value = serde_json::from_str(&fs::read_to_string(&kept).unwrap()).unwrap();
    forged["signatures"][0]["sig"] = STANDARD.encode([1; 64]).into();
    let genuine = fs::read(&kept).unwrap();
    fs::write(&kept, forged.to_string()).unwrap();
    let ask = ["gate", "region", "--region", "eu-west-1", "--release", "v1", "--archive", "kept"];
    let run = pipeline.job(1, &ask);
    assert_eq!((run.code, run.err.contains("is forged or was changed")), (6, true), "{}", run.err);
    fs::write(&kept, genuine).unwrap();
    // Nor does the signature of one verdict help another one that has its name.
    let stored = only(&at.join("kept/verdicts"), "casefile-verdict");
    pipeline.deployed("circuit-breaker-rollback", "eu-west-1", "v1", 1);
    fs::copy(at.join("bf-manage-core-circuit-breaker-rollback-eu-west-1-v1.json"), stored).unwrap();
    let run = pipeline.job(1, &ask);
    assert_eq!((run.code, run.err.contains("holds another verdict")), (6, true), "{}", run.err);
}

#[test]
fn a_waiver_may_have_to_be_signed() {
    let (private, public) = key(7);
    let pipeline = Pipeline::new(&policy(&public));
    fs::write(pipeline.folder().join("ours.pem"), private).unwrap();
    fs::create_dir(pipeline.folder().join("kept")).unwrap();
    let waive = |more: &[&str]| {
        let mut arguments = vec!["gate", "waive", "--region", "eu-west-1", "--release", "v1", "--archive", "kept"];
        arguments.extend(["--reason=missing", "--why=checked by hand", "--requested-by=ada", "--approved-by=grace"]);
        arguments.extend(more);
        pipeline.job(1, &arguments)
    };
    let bare = waive(&[]);
    assert_eq!((bare.code, bare.err.contains("waiver_keys: give --key")), (2, true), "{}", bare.err);
    assert_eq!(pipeline.gate("eu-west-1", "v1", 1, &[]).0, 4);
    let signed = waive(&["--key", "ours.pem", "--review-within", "48h"]);
    assert_eq!((signed.code, signed.out.contains("to be reviewed by")), (0, true), "{}{}", signed.out, signed.err);
    assert!(signed.out.starts_with("PROCEED") && !signed.out.contains("what to do"), "{}", signed.out);
    assert_eq!(pipeline.gate("eu-west-1", "v1", 1, &[]).0, 0);
    // Without its signature it counts for nothing.
    fs::remove_dir_all(pipeline.folder().join("kept/attestations")).unwrap();
    let (code, decision) = pipeline.gate("eu-west-1", "v1", 1, &[]);
    assert_eq!(code, 4);
    assert!(decision["ignored_waivers"][0]["problem"].as_str().unwrap().contains("waiver_keys"), "{decision}");
}
