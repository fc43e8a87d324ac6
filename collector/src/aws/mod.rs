//! Asking AWS: the only module that knows its SDK.
//!
//! The SDK signs, retries and speaks HTTP; what is kept of an answer is the document as it came over the
//! wire, taken by an interceptor ([`wire`]), so that fields which this SDK does not know survive.
//! [`Aws`] is connected once, and says at once when there is no region or no credentials. Each function
//! of [`ask`] is one operation, paged to its end; every page is handed over as it comes.
//!
//! An error is an answer too: it is handed over as a document, and nothing here fails because AWS did.

pub mod ask;
mod cbor;
mod connect;
mod error;
mod http;
mod identity;
mod kms;
mod limit;
mod query;
mod retry;
mod skew;
mod store;
mod wire;

#[cfg(test)]
mod tests;

pub use connect::{Aws, ConnectOptions, CredentialsSource, Timeouts};
pub use error::ConnectError;
pub use http::{Answered, InProcess, Sent};
pub use identity::Identity;
pub use kms::{KmsError, KmsKey};
pub use limit::{Quotas, share_of};
pub use store::{Lock, LockMode, S3Url, Store, StoreError};
