//! The HTTP client of every AWS client: hyper, with TLS by rustls on ring.
//!
//! A page of log lines is a megabyte, and what is kept of it is the document ([`super::wire`]): its bytes are
//! put aside here, and the SDK gets an empty object to deserialize, or it would parse every line twice.

use std::sync::Arc;

use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_http_client::{Builder, Connector};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use bytes::Bytes;
use futures::future::BoxFuture;

/// A client that trusts what the system trusts (`SSL_CERT_FILE` included) and goes through the proxy
/// that the environment names (`HTTPS_PROXY`, `NO_PROXY`), but never for an endpoint on loopback.
pub(super) fn client(endpoint_url: Option<&str>) -> SharedHttpClient {
    let loopback = endpoint_url.is_some_and(is_loopback);
    let client = Builder::new().build_with_connector_fn(move |settings, components| {
        let mut builder = Connector::builder();
        builder.set_connector_settings(settings.cloned());
        if let Some(components) = components {
            builder.set_sleep_impl(components.sleep_impl());
        }
        builder.set_proxy_config((!loopback).then(ProxyConfig::from_env));
        builder.tls_provider(Provider::Rustls(CryptoMode::Ring)).build()
    });
    SharedHttpClient::new(PutAside { inner: client })
}

/// AWS within this process, for tests: takes a request and gives the answer.
pub trait InProcess: std::fmt::Debug + Send + Sync {
    /// Answers a request. An error stands for a connection that broke.
    fn call(&self, request: Sent) -> BoxFuture<'static, std::io::Result<Answered>>;
}

/// A request as it is sent.
#[derive(Debug, Clone)]
pub struct Sent {
    /// The URL.
    pub url: String,
    /// Names, in small letters, and values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
}

/// The response to an HTTP request, before the SDK reads it.
#[derive(Debug, Clone)]
pub struct Answered {
    /// The HTTP status.
    pub status: u16,
    /// Names and values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
}

/// A client that has AWS within this process.
pub(super) fn in_process(aws: Arc<dyn InProcess>) -> SharedHttpClient {
    SharedHttpClient::new(PutAside { inner: SharedHttpClient::new(Within(aws)) })
}

#[derive(Debug, Clone)]
struct Within(Arc<dyn InProcess>);

impl HttpClient for Within {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Within {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let headers = request.headers().iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let body = Bytes::copy_from_slice(request.body().bytes().unwrap_or_default());
        let answer = self.0.call(Sent { url: request.uri().to_owned(), headers, body });
        HttpConnectorFuture::new(async move {
            let Answered { status, headers, body } = answer.await.map_err(|error| ConnectorError::io(error.into()))?;
            let status = StatusCode::try_from(status).map_err(|error| ConnectorError::user(error.into()))?;
            let mut response = HttpResponse::new(status, SdkBody::from(body));
            for (name, value) in headers {
                response.headers_mut().try_insert(name, value).map_err(|error| ConnectorError::user(error.into()))?;
            }
            Ok(response)
        })
    }
}

/// The body of an answer, put aside.
#[derive(Debug, Clone)]
pub(super) struct Aside(pub(super) Bytes);

/// A client, or a connector, that puts pages of log lines aside.
#[derive(Debug)]
struct PutAside<T> {
    inner: T,
}

impl HttpClient for PutAside<SharedHttpClient> {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(PutAside { inner: self.inner.http_connector(settings, components) })
    }
}

impl HttpConnector for PutAside<SharedHttpConnector> {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let of_lines = target.ends_with(".GetLogEvents") || target.ends_with(".FilterLogEvents");
        let answer = self.inner.call(request);
        if !of_lines {
            return answer;
        }
        HttpConnectorFuture::new(async move {
            let answer = answer.await?;
            if answer.status().is_success() { put_aside(answer).await } else { Ok(answer) }
        })
    }
}

async fn put_aside(mut answer: HttpResponse) -> Result<HttpResponse, ConnectorError> {
    let body = ByteStream::new(answer.take_body()).collect().await;
    let body = body.map_err(|broken| ConnectorError::io(broken.into()))?;
    answer.add_extension(Aside(body.into_bytes()));
    *answer.body_mut() = SdkBody::from("{}");
    Ok(answer)
}

/// The URL's host is this machine.
fn is_loopback(url: &str) -> bool {
    let Some((_, rest)) = url.split_once("://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = match authority.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    host == "localhost" || host.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    #[test]
    fn loopback_is_told_by_the_host() {
        for url in ["http://127.0.0.1:4566", "http://localhost/x", "http://[::1]:80/"] {
            assert!(super::is_loopback(url), "{url}");
        }
        for url in ["https://ecs.ap-southeast-2.amazonaws.com", "http://127.0.0.1.example.com", "localhost:80"] {
            assert!(!super::is_loopback(url), "{url}");
        }
    }
}
