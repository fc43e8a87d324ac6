//! The HTTP client of every AWS client: hyper, with TLS by rustls on ring.

use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_http_client::{Builder, Connector};
use aws_smithy_runtime_api::client::http::SharedHttpClient;

/// A client that trusts what the system trusts (`SSL_CERT_FILE` included) and goes through the proxy
/// that the environment names (`HTTPS_PROXY`, `NO_PROXY`), but never for an endpoint on loopback.
pub(super) fn client(endpoint_url: Option<&str>) -> SharedHttpClient {
    let loopback = endpoint_url.is_some_and(is_loopback);
    Builder::new().build_with_connector_fn(move |settings, components| {
        let mut builder = Connector::builder();
        builder.set_connector_settings(settings.cloned());
        if let Some(components) = components {
            builder.set_sleep_impl(components.sleep_impl());
        }
        builder.set_proxy_config((!loopback).then(ProxyConfig::from_env));
        builder.tls_provider(Provider::Rustls(CryptoMode::Ring)).build()
    })
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
