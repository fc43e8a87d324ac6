//! Signed statements about verdicts, decisions and waivers, which others can check: an in-toto Statement v1 in a DSSE
//! envelope (<https://github.com/secure-systems-lab/dsse>, protocol 1.0.2), and a Sigstore bundle around the same envelope.
//!
//! A signature says who signed what; it says nothing of when. Nothing here reads a file or asks a service.

mod envelope;
mod key;
mod statement;
#[cfg(test)]
mod tests;

pub use envelope::{Envelope, Forged, NotAnEnvelope, Signature};
pub use key::{KeyError, PrivateKey, PublicKey};
pub use statement::{Predicate, Statement, StatementError, Subject};
