//! S3 Object Lock: a retention that is set as an object is written, so that no moment is without it.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html>: `x-amz-object-lock-mode`,
//! `x-amz-object-lock-retain-until-date`; they belong to the signature.

use std::sync::Arc;

use async_trait::async_trait;
use object_store::aws::AwsAuthorizer;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService, ReqwestConnector,
};
use object_store::{ClientOptions, CredentialProvider};

use super::Chain;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// Who can lift a retention.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockMode {
    /// Who has `s3:BypassGovernanceRetention`.
    Governance,
    /// Nobody.
    Compliance,
}

/// A retention of what is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lock {
    /// Who can lift it.
    pub mode: LockMode,
    /// How many days it holds.
    pub days: u32,
}

/// Adds the retention to every request that makes an object.
#[derive(Debug, Clone)]
pub(super) struct Locking {
    pub(super) lock: Lock,
    pub(super) chain: Arc<Chain>,
    pub(super) region: String,
}

impl HttpConnector for Locking {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let inner = ReqwestConnector::default().connect(options)?;
        Ok(HttpClient::new(Client { inner, locking: self.clone() }))
    }
}

#[derive(Debug)]
struct Client {
    inner: HttpClient,
    locking: Locking,
}

#[async_trait]
impl HttpService for Client {
    async fn call(&self, mut request: HttpRequest) -> Result<HttpResponse, HttpError> {
        if makes_an_object(&request) {
            let failed = |error: String| HttpError::new(HttpErrorKind::Request, std::io::Error::other(error));
            let Locking { lock, chain, region } = &self.locking;
            let mode = match lock.mode {
                LockMode::Governance => "GOVERNANCE",
                LockMode::Compliance => "COMPLIANCE",
            };
            let until = chain.aws.now().plus_millis(i64::from(lock.days) * DAY_MS).to_string();
            let credential = chain.get_credential().await.map_err(|error| failed(error.to_string()))?;
            let headers = request.headers_mut();
            for (name, value) in [
                ("x-amz-object-lock-mode", mode),
                ("x-amz-object-lock-retain-until-date", until.as_str()),
                // S3 asks for it with the other two; the checksum itself is there already.
                ("x-amz-sdk-checksum-algorithm", "SHA256"),
            ] {
                headers.insert(name, value.parse().map_err(|_| failed(format!("{name}: {value}")))?);
            }
            headers.remove("authorization");
            // The digest of the body that was signed before.
            let digest = headers.get("x-amz-content-sha256").and_then(|value| bytes_of(value.as_bytes()));
            AwsAuthorizer::new(&credential, "s3", region).authorize(&mut request, digest.as_deref());
        }
        self.inner.execute(request).await
    }
}

/// Hexadecimal digits as bytes.
fn bytes_of(hex: &[u8]) -> Option<Vec<u8>> {
    hex.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

/// `PutObject` and `CreateMultipartUpload`.
fn makes_an_object(request: &HttpRequest) -> bool {
    let query = request.uri().query().unwrap_or_default();
    let has = |name: &str| query.split('&').any(|pair| pair.split('=').next() == Some(name));
    match request.method().as_str() {
        "PUT" => !has("partNumber"),
        "POST" => has("uploads"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use object_store::client::HttpRequestBody;

    use super::*;

    #[test]
    fn requests_that_make_objects_are_told_from_others() {
        let made = |method: &str, path: &str| {
            let mut request = HttpRequest::new(HttpRequestBody::empty());
            *request.method_mut() = method.parse().unwrap();
            *request.uri_mut() = format!("http://localhost/bucket/{path}").parse().unwrap();
            makes_an_object(&request)
        };
        assert!(made("PUT", "a.tar") && made("POST", "a.tar?uploads") && made("POST", "a.tar?uploads="));
        for (method, path) in [
            ("PUT", "a.tar?partNumber=1&uploadId=x"),
            ("POST", "a.tar?uploadId=x"),
            ("GET", "a.tar"),
            ("HEAD", "a.tar"),
            ("DELETE", "a.tar"),
            ("POST", "?delete"),
        ] {
            assert!(!made(method, path), "{method} {path}");
        }
    }

    #[test]
    fn digits_are_bytes() {
        assert_eq!(bytes_of(b"00ff10"), Some(vec![0, 255, 16]));
        assert_eq!(bytes_of(b"UNSIGNED-PAYLOAD"), None);
    }
}
