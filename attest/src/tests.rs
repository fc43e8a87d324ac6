//! Signing, and what a change of any byte does.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use serde_json::json;

use crate::{Envelope, Predicate, PrivateKey, PublicKey, Statement};

fn pem(label: &str, der: &[u8]) -> String {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der))
}

fn p256() -> PrivateKey {
    let der = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &SystemRandom::new()).unwrap();
    PrivateKey::from_pem(&pem("PRIVATE KEY", der.as_ref())).unwrap()
}

fn ed25519() -> PrivateKey {
    // As OpenSSL writes it: without the public half.
    let mut der = vec![0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
    der.extend(ring::rand::generate::<[u8; 32]>(&SystemRandom::new()).unwrap().expose());
    PrivateKey::from_pem(&pem("PRIVATE KEY", &der)).unwrap()
}

fn verdict(word: &str) -> Vec<u8> {
    let verdict = json!({
        "verdict": word, "digest": "ab", "as_of": "2026-11-23T07:45:52Z",
        "bundle": { "digest": "cd", "target": { "service": "web", "region": "eu-west-1", "deployment_id": "ecs-svc/1" } },
        "release": { "name": "v1", "images": [{ "container": "app", "digest": "sha256:ef", "image": "web:1" }] },
        "checks": [
            { "id": "a", "outcome": "pass", "level": "block" },
            { "id": "b", "outcome": "fail", "level": "advise" },
        ],
    });
    verdict.to_string().into_bytes()
}

fn signed(key: &PrivateKey) -> Envelope {
    let statement = Statement::of_verdict(&verdict("pass"), Predicate::Verdict).unwrap();
    let mut envelope = Envelope::of(&statement.to_bytes().unwrap());
    let signature = key.sign(&envelope.signed_bytes().unwrap()).unwrap();
    envelope.add(&key.public(), &signature);
    envelope
}

#[test]
fn the_encoding_is_that_of_the_protocol() {
    // The example of the protocol, with its own payload type in place of ours.
    let envelope = Envelope::of(b"hello world");
    assert_eq!(envelope.signed_bytes().unwrap(), b"DSSEv1 28 application/vnd.in-toto+json 11 hello world".as_slice());
}

#[test]
fn who_has_the_public_key_can_check() {
    for private in [p256(), ed25519()] {
        let public = private.public();
        assert_eq!(PublicKey::from_pem(&pem("PUBLIC KEY", public.spki())).unwrap(), public);
        let envelope = signed(&private);
        let bytes = serde_json::to_vec(&envelope).unwrap();
        let read = Envelope::read(&bytes).unwrap();
        assert_eq!(read.signers(std::slice::from_ref(&public)).unwrap(), [public.id()].into());
        // The same within a Sigstore bundle.
        let bundle = serde_json::to_vec(&envelope.sigstore()).unwrap();
        assert_eq!(Envelope::read(&bundle).unwrap(), read);
        let statement = Statement::read(&read.payload().unwrap()).unwrap();
        assert_eq!(statement.about(Predicate::Verdict), Some("ab"));
        assert_eq!(statement.about(Predicate::Waiver), None);
        assert!(statement.is_about("cd") && statement.is_about("ef") && !statement.is_about("ab"));
    }
}

#[test]
fn any_change_is_seen() {
    let key = p256();
    let keys = [key.public(), ed25519().public()];
    let text = serde_json::to_string(&signed(&key)).unwrap();
    let payload = Envelope::read(text.as_bytes()).unwrap().payload().unwrap();
    for at in (0..payload.len()).step_by(7) {
        let mut changed = payload.clone();
        changed[at] ^= 1;
        let mut envelope = Envelope::of(&changed);
        envelope.signatures = Envelope::read(text.as_bytes()).unwrap().signatures;
        assert!(envelope.signers(&keys).is_err(), "byte {at}");
    }
    // A key that nobody asked about is no forgery, and no signature.
    assert!(Envelope::read(text.as_bytes()).unwrap().signers(&keys[1..]).unwrap().is_empty());
    // The id of a key is a hint only.
    let mut renamed = Envelope::read(text.as_bytes()).unwrap();
    renamed.signatures[0].keyid = "another".to_owned();
    assert_eq!(renamed.signers(&keys).unwrap(), [key.public().id()].into());
    renamed.signatures[0].keyid = keys[1].id();
    assert_eq!(renamed.signers(&keys[1..]).unwrap_err().keyid, keys[1].id());
}

#[test]
fn what_is_no_key_or_no_envelope_is_said() {
    for (pem, says) in [
        ("", "no section BEGIN PRIVATE KEY"),
        ("-----BEGIN ENCRYPTED PRIVATE KEY-----\nAA==\n-----END ENCRYPTED PRIVATE KEY-----\n", "is encrypted"),
        ("-----BEGIN EC PRIVATE KEY-----\nAA==\n-----END EC PRIVATE KEY-----\n", "openssl pkcs8 -topk8"),
        ("-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n", "of another kind"),
    ] {
        assert!(PrivateKey::from_pem(pem).unwrap_err().to_string().contains(says), "{pem}");
    }
    let public = pem("PUBLIC KEY", p256().public().spki());
    assert!(PublicKey::from_pem(&format!("{public}{public}")).unwrap_err().to_string().contains("has 2 sections"));
    assert!(PublicKey::from_pem("x").unwrap_err().to_string().contains("BEGIN PUBLIC KEY"));
    assert!(PublicKey::from_spki(vec![0x30, 0x59]).unwrap_err().to_string().contains("ECDSA P-256"));
    for wrong in
        ["", "{}", "[]", "{\"payload\":\"%\",\"payloadType\":\"application/vnd.in-toto+json\",\"signatures\":[]}"]
    {
        assert!(Envelope::read(wrong.as_bytes()).is_err(), "{wrong}");
    }
    let other = "{\"payload\":\"\",\"payloadType\":\"text/plain\",\"signatures\":[]}";
    assert!(Envelope::read(other.as_bytes()).unwrap_err().to_string().contains("text/plain"));
}

#[test]
fn a_test_result_says_no_more_than_the_verdict() {
    let result = |word: &str| Statement::of_verdict(&verdict(word), Predicate::TestResult);
    let warned = result("pass").unwrap();
    assert_eq!((&warned.predicate["result"], &warned.predicate["warnedTests"]), (&json!("WARNED"), &json!(["b"])));
    assert_eq!(result("fail").unwrap().predicate["result"], "FAILED");
    assert!(result("inconclusive").unwrap_err().to_string().contains("sign it as a verdict"));
}
