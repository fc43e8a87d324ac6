//! The connection: region, credentials and clients, and plain words where one of them is missing.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{AppName, BehaviorVersion, ConfigLoader, Region, SdkConfig};
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_ecs::config::retry::RetryPartition;
use aws_sdk_ecs::config::{Credentials, ProvideCredentials};
use casefile_evidence::Timestamp;

use super::error::{ConnectError, without_credentials};
use super::http::InProcess;
use super::limit::{Budget, Limiter, Quotas};
use super::retry::UnknownOperation;
use super::skew::Skew;
use super::{http, wire};
use crate::clock::{Clock, SystemClock};
use crate::document::Operation;

/// Where the credentials come from.
#[derive(Clone, Default)]
pub enum CredentialsSource {
    /// AWS's default chain: environment, profile (SSO, role, process), web identity, ECS, EC2. A profile
    /// that [`ConnectOptions::profile`] names comes before all of these, as in the AWS CLI.
    #[default]
    Chain,
    /// These, for endpoints that do not look at them.
    Fixed {
        /// `AWS_ACCESS_KEY_ID`.
        access_key_id: String,
        /// `AWS_SECRET_ACCESS_KEY`.
        secret_access_key: String,
    },
}

impl fmt::Debug for CredentialsSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Chain => f.write_str("Chain"),
            Self::Fixed { access_key_id, .. } => write!(f, "Fixed({access_key_id})"),
        }
    }
}

/// How long things may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// Until the connection stands.
    pub connect: Duration,
    /// One attempt, its answer included.
    pub attempt: Duration,
    /// All attempts of a call, and the pauses between them.
    pub operation: Duration,
    /// Until credentials are there, when connecting.
    pub credentials: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(3),
            attempt: Duration::from_secs(10),
            operation: Duration::from_secs(30),
            credentials: Duration::from_secs(20),
        }
    }
}

/// How to connect. [`ConnectOptions::default`] is what AWS's own tools would do.
#[derive(Debug, Clone)]
pub struct ConnectOptions {
    /// `--region`; else `AWS_REGION`, the profile's region, or the instance's.
    pub region: Option<String>,
    /// `--profile`; else `AWS_PROFILE`, or `default`.
    pub profile: Option<String>,
    /// `--endpoint-url`, for every service; else AWS's own endpoints.
    pub endpoint_url: Option<String>,
    /// Where the credentials come from.
    pub credentials: CredentialsSource,
    /// How long things may take.
    pub timeouts: Timeouts,
    /// How often a call is sent at most, the first time included.
    pub max_attempts: u32,
    /// The longest first pause before a call is sent again; the pauses double, and are drawn at random.
    pub initial_backoff: Duration,
    /// Whether the SDK slows down by itself where AWS throttles (its "adaptive" mode, in real time). Without it
    /// only pauses grow.
    pub adaptive: bool,
    /// How fast AWS may be asked.
    pub quotas: Quotas,
    /// Says when a call was sent, and waits where the quotas ask for it.
    pub clock: Arc<dyn Clock>,
    /// AWS within this process, for tests.
    pub in_process: Option<Arc<dyn InProcess>>,
}

impl Default for ConnectOptions {
    fn default() -> Self {
        Self {
            region: None,
            profile: None,
            endpoint_url: None,
            credentials: CredentialsSource::Chain,
            timeouts: Timeouts::default(),
            max_attempts: 5,
            initial_backoff: Duration::from_secs(1),
            adaptive: true,
            quotas: Quotas::default(),
            clock: Arc::new(SystemClock),
            in_process: None,
        }
    }
}

/// A connection to AWS: one client of ECS, one of Elastic Load Balancing, and one of CloudWatch Logs for each region.
/// Cheap to clone.
#[derive(Clone)]
pub struct Aws {
    inner: Arc<Inner>,
}

struct Inner {
    config: SdkConfig,
    region: String,
    ecs: aws_sdk_ecs::Client,
    load_balancing: aws_sdk_elasticloadbalancingv2::Client,
    classic_load_balancing: aws_sdk_elasticloadbalancing::Client,
    cloudwatch: aws_sdk_cloudwatch::Client,
    logs: Mutex<BTreeMap<String, aws_sdk_cloudwatchlogs::Client>>,
    clock: Arc<dyn Clock>,
    limiter: Arc<Limiter>,
    skew: Skew,
}

impl fmt::Debug for Aws {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Aws").field("region", &self.inner.region).finish_non_exhaustive()
    }
}

impl Aws {
    /// Finds the region and the credentials, and makes the clients. Nothing is asked of ECS or CloudWatch
    /// Logs yet. It may be cancelled: nothing is lost.
    ///
    /// # Errors
    /// [`ConnectError`], at once rather than at the first call.
    pub async fn connect(options: ConnectOptions) -> Result<Self, ConnectError> {
        if let Some(url) = &options.endpoint_url {
            let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
            if rest.is_none_or(|rest| rest.is_empty() || rest.contains(char::is_whitespace)) {
                return Err(ConnectError::EndpointUrl { url: url.clone() });
            }
        }
        let profile = match options.credentials {
            CredentialsSource::Chain => selected_profile(options.profile.as_deref()).await?,
            CredentialsSource::Fixed { .. } => "default".to_owned(),
        };
        let config = load(&options).await;
        let Some(region) = config.region().map(ToString::to_string).filter(|region| !region.is_empty()) else {
            return Err(ConnectError::NoRegion { profile });
        };
        if !region.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-') {
            return Err(ConnectError::Region { region });
        }
        credentials(&config, Some(profile).filter(|name| name != "default"), options.timeouts.credentials).await?;
        Ok(Self::new(config, region, options.quotas, options.clock))
    }

    pub(super) fn new(config: SdkConfig, region: String, quotas: Quotas, clock: Arc<dyn Clock>) -> Self {
        macro_rules! client {
            ($sdk:ident) => {
                $sdk::Client::from_conf(
                    $sdk::config::Builder::from(&config)
                        .retry_classifier(UnknownOperation)
                        .retry_partition(retries_of_its_own())
                        .build(),
                )
            };
        }
        let limiter = Arc::new(Limiter::new(quotas, Arc::clone(&clock)));
        Self {
            inner: Arc::new(Inner {
                ecs: client!(aws_sdk_ecs),
                load_balancing: client!(aws_sdk_elasticloadbalancingv2),
                classic_load_balancing: client!(aws_sdk_elasticloadbalancing),
                cloudwatch: client!(aws_sdk_cloudwatch),
                config,
                region,
                logs: Mutex::default(),
                clock,
                limiter,
                skew: Skew::default(),
            }),
        }
    }

    /// The region that ECS is asked in.
    pub fn region(&self) -> &str {
        &self.inner.region
    }

    pub(super) fn config(&self) -> &SdkConfig {
        &self.inner.config
    }

    /// This moment, by AWS's clock as far as its answers told: by the one here before the first.
    pub fn now(&self) -> Timestamp {
        self.inner.clock.now().plus_millis(self.skew_ms().unwrap_or(0))
    }

    /// By how many milliseconds AWS's clock is ahead of the one here; `None` where no answer has told yet.
    pub fn skew_ms(&self) -> Option<i64> {
        self.inner.skew.millis()
    }

    /// Takes up the date of an answer to what was sent at that moment of the clock here.
    pub(super) fn learn_date(&self, date: Timestamp, sent: Timestamp) {
        self.inner.skew.learn(date, sent, self.inner.clock.now());
    }

    pub(super) fn clock(&self) -> &dyn Clock {
        self.inner.clock.as_ref()
    }

    /// Calls of an operation that are made a second, at most.
    pub fn rate(&self, operation: Operation, region: &str) -> f64 {
        self.inner.limiter.rate(operation, region)
    }

    /// What calls of an operation count against.
    pub(super) fn budget(&self, operation: Operation, region: &str) -> Budget {
        Budget::new(&self.inner.limiter, operation, region)
    }

    pub(super) fn ecs(&self) -> aws_sdk_ecs::Client {
        self.inner.ecs.clone()
    }

    /// The client of Elastic Load Balancing, in the service's region: ECS registers tasks only in target groups of the same
    /// region.
    pub(super) fn load_balancing(&self) -> aws_sdk_elasticloadbalancingv2::Client {
        self.inner.load_balancing.clone()
    }

    /// The client of the API of Classic Load Balancers, in the service's region.
    pub(super) fn classic_load_balancing(&self) -> aws_sdk_elasticloadbalancing::Client {
        self.inner.classic_load_balancing.clone()
    }

    /// The client of CloudWatch, in the service's region: ECS watches alarms of the same region.
    pub(super) fn cloudwatch(&self) -> aws_sdk_cloudwatch::Client {
        self.inner.cloudwatch.clone()
    }

    /// The client for the logs of a region, which may differ from the service's (`awslogs-region`).
    pub(super) fn logs(&self, region: &str) -> aws_sdk_cloudwatchlogs::Client {
        let mut clients = self.inner.logs.lock().unwrap_or_else(PoisonError::into_inner);
        let client = clients.entry(region.to_owned()).or_insert_with(|| {
            let config = aws_sdk_cloudwatchlogs::config::Builder::from(&self.inner.config)
                .region(Region::new(region.to_owned()))
                .retry_classifier(UnknownOperation)
                .retry_partition(retries_of_its_own())
                .build();
            aws_sdk_cloudwatchlogs::Client::from_conf(config)
        });
        client.clone()
    }
}

/// What limits the retries of a client. Left to itself, the SDK has one budget for all clients of a service in the process.
fn retries_of_its_own() -> RetryPartition {
    RetryPartition::custom("casefile").build()
}

/// The profile that is used; it must exist where it was named.
async fn selected_profile(named: Option<&str>) -> Result<String, ConnectError> {
    let named = named.map(|name| name.to_owned().into());
    let profiles = aws_config::profile::load(&Default::default(), &Default::default(), &Default::default(), named)
        .await
        .map_err(|error| ConnectError::Profiles { problem: wire::chain(&error) })?;
    let profile = profiles.selected_profile().to_owned();
    if profile != "default" && profiles.get_profile(&profile).is_none() {
        let mut profiles: Vec<String> = profiles.profiles().map(str::to_owned).collect();
        profiles.sort();
        return Err(ConnectError::NoSuchProfile { profile, profiles });
    }
    Ok(profile)
}

async fn load(options: &ConnectOptions) -> SdkConfig {
    let http = match &options.in_process {
        Some(aws) => http::in_process(Arc::clone(aws)),
        None => http::client(options.endpoint_url.as_deref()),
    };
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(options.timeouts.connect)
        .operation_attempt_timeout(options.timeouts.attempt)
        .operation_timeout(options.timeouts.operation)
        .build();
    let retries = if options.adaptive { RetryConfig::adaptive() } else { RetryConfig::standard() };
    let retries = retries
        .with_max_attempts(options.max_attempts.max(1))
        .with_initial_backoff(options.initial_backoff)
        .with_max_backoff(Duration::from_secs(5));
    let mut loader: ConfigLoader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http.clone())
        .timeout_config(timeouts)
        .retry_config(retries);
    if let Ok(name) = AppName::new("casefile") {
        loader = loader.app_name(name);
    }
    let region = options.region.clone().filter(|region| !region.is_empty()).map(Region::new);
    if let Some(region) = region.clone() {
        loader = loader.region(region);
    }
    if let Some(url) = &options.endpoint_url {
        loader = loader.endpoint_url(url);
    }
    match (&options.credentials, &options.profile) {
        (CredentialsSource::Fixed { access_key_id, secret_access_key }, _) => {
            let fixed = Credentials::new(access_key_id, secret_access_key, None, None, "casefile");
            loader = loader.credentials_provider(fixed);
        }
        (CredentialsSource::Chain, Some(profile)) => {
            let provider = ProviderConfig::without_region().with_region(region).with_http_client(http);
            let provider = ProfileFileCredentialsProvider::builder().configure(&provider).profile_name(profile);
            loader = loader.profile_name(profile).credentials_provider(provider.build());
        }
        (CredentialsSource::Chain, None) => {}
    }
    loader.load().await
}

/// Gets credentials once, so that their lack is said before anything is collected.
async fn credentials(config: &SdkConfig, profile: Option<String>, timeout: Duration) -> Result<(), ConnectError> {
    let Some(provider) = config.credentials_provider() else {
        return Err(ConnectError::NoCredentials { profile, problem: "nothing provides them".to_owned() });
    };
    let Ok(result) = tokio::time::timeout(timeout, provider.provide_credentials()).await else {
        let problem = format!("they did not come within {} s", timeout.as_secs());
        return Err(without_credentials(profile, problem, false));
    };
    result.map(|_| ()).map_err(|error| {
        let none = matches!(error, CredentialsError::CredentialsNotLoaded(_));
        without_credentials(profile, wire::chain(&error as &(dyn Error + 'static)), none)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_profile_that_does_not_exist_is_named() {
        let profile = Some("casefile-tests-no-such-profile".to_owned());
        let options = ConnectOptions { profile, region: Some("eu-west-1".to_owned()), ..ConnectOptions::default() };
        let said = Aws::connect(options).await.map_or_else(|error| error.to_string(), |_| String::new());
        assert!(said.starts_with("the AWS profile `casefile-tests-no-such-profile` does not exist; there "), "{said}");
        assert!(said.ends_with("`aws configure --profile casefile-tests-no-such-profile`"), "{said}");
    }

    #[tokio::test]
    async fn an_endpoint_that_is_no_url_is_refused() {
        for url in ["127.0.0.1:4566", "http://", "http://a b", "ftp://x"] {
            let options = ConnectOptions { endpoint_url: Some(url.to_owned()), ..ConnectOptions::default() };
            let result = Aws::connect(options).await;
            assert!(matches!(result, Err(ConnectError::EndpointUrl { .. })), "{url}: {result:?}");
        }
    }

    #[tokio::test]
    async fn a_region_that_is_none_is_refused() {
        let credentials = CredentialsSource::Fixed { access_key_id: "a".to_owned(), secret_access_key: "b".to_owned() };
        let region = Some("Sydney, AU".to_owned());
        let result = Aws::connect(ConnectOptions { region, credentials, ..ConnectOptions::default() }).await;
        assert!(matches!(result, Err(ConnectError::Region { .. })), "{result:?}");
    }
}
