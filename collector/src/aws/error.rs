//! Why there is no connection to AWS, in words that say what to do.

/// Why there is no connection, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// No region.
    #[error(
        "no AWS region is set: set AWS_REGION, or add `region = ...` to the profile `{profile}` in ~/.aws/config; \
         verbs that ask AWS also take --region"
    )]
    NoRegion {
        /// The profile that was looked into.
        profile: String,
    },
    /// The region is none.
    #[error("{region:?} is not an AWS region such as ap-southeast-2: mend --region, AWS_REGION or the profile")]
    Region {
        /// What was given.
        region: String,
    },
    /// The profile does not exist.
    #[error(
        "the AWS profile `{profile}` does not exist; {known}: pass one of them with --profile, or make it with \
         `aws configure --profile {profile}`",
        known = known(profiles)
    )]
    NoSuchProfile {
        /// The profile that was asked for.
        profile: String,
        /// Those that exist.
        profiles: Vec<String>,
    },
    /// The files of profiles cannot be read.
    #[error("cannot read the AWS profiles: {problem}; mend ~/.aws/config and ~/.aws/credentials")]
    Profiles {
        /// What is wrong.
        problem: String,
    },
    /// Nothing gave credentials.
    #[error(
        "no AWS credentials were found{}: {problem}; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, pass --profile, \
         or give the job or instance a role",
        of(profile)
    )]
    NoCredentials {
        /// The profile that was asked for.
        profile: Option<String>,
        /// What was tried.
        problem: String,
    },
    /// The single sign-on session is over.
    #[error("the AWS single sign-on session{} is over or was never begun: run `{login}` ({problem})", of(profile))]
    SignOn {
        /// The profile that was asked for.
        profile: Option<String>,
        /// The command that begins a session.
        login: String,
        /// What was tried.
        problem: String,
    },
    /// Credentials are configured, and could not be had.
    #[error("cannot get AWS credentials{}: {problem}; try `{identity}`", of(profile))]
    Credentials {
        /// The profile that was asked for.
        profile: Option<String>,
        /// What went wrong.
        problem: String,
        /// The command that shows whether they work.
        identity: String,
    },
    /// The endpoint is no URL.
    #[error("the endpoint {url:?} is not a URL such as http://127.0.0.1:4566: mend --endpoint-url")]
    EndpointUrl {
        /// What was given.
        url: String,
    },
}

fn known(profiles: &[String]) -> String {
    if profiles.is_empty() {
        "there is none in ~/.aws/config and ~/.aws/credentials".to_owned()
    } else {
        format!("there are {}", profiles.join(", "))
    }
}

fn of(profile: &Option<String>) -> String {
    profile.as_ref().map(|profile| format!(" for the profile `{profile}`")).unwrap_or_default()
}

/// What the SDK's words about credentials mean for the operator.
pub(super) fn without_credentials(profile: Option<String>, problem: String, none: bool) -> ConnectError {
    let said = ["an error occurred while loading credentials: ", "the credential provider was not enabled: "];
    let problem = said.iter().fold(problem.as_str(), |text, prefix| text.strip_prefix(prefix).unwrap_or(text));
    let problem = problem.trim_end_matches('.').to_owned();
    // The instance's role comes last: where it fails, nothing else gave credentials.
    let no_instance = problem.contains("IMDS");
    let none = none || no_instance;
    let problem = if no_instance {
        "neither the environment, a profile nor an instance's role gives any".to_owned()
    } else {
        problem
    };
    let flag = profile.as_ref().map(|profile| format!(" --profile {profile}")).unwrap_or_default();
    if problem.contains("SSO") || problem.contains("sso") {
        ConnectError::SignOn { login: format!("aws sso login{flag}"), profile, problem }
    } else if none {
        ConnectError::NoCredentials { profile, problem }
    } else {
        ConnectError::Credentials { identity: format!("aws sts get-caller-identity{flag}"), profile, problem }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_say_what_to_run() {
        let profile = || Some("prod".to_owned());
        let problem = || "the SSO token has expired and cannot be refreshed".to_owned();
        insta::assert_snapshot!(
            without_credentials(profile(), problem(), false),
            @"the AWS single sign-on session for the profile `prod` is over or was never begun: run `aws sso login --profile prod` (the SSO token has expired and cannot be refreshed)"
        );
        insta::assert_snapshot!(
            without_credentials(None, "no providers in chain provided credentials".to_owned(), true),
            @"no AWS credentials were found: no providers in chain provided credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, pass --profile, or give the job or instance a role"
        );
        insta::assert_snapshot!(
            without_credentials(profile(), "HTTP 403".to_owned(), false),
            @"cannot get AWS credentials for the profile `prod`: HTTP 403; try `aws sts get-caller-identity --profile prod`"
        );
        insta::assert_snapshot!(
            ConnectError::NoRegion { profile: "default".to_owned() },
            @"no AWS region is set: set AWS_REGION, or add `region = ...` to the profile `default` in ~/.aws/config; verbs that ask AWS also take --region"
        );
    }
}
