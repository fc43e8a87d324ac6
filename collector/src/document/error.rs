//! Errors that AWS answered, and what they mean.

use serde::{Deserialize, Serialize};

/// An error that AWS answered, or that stands for an answer that never came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApiError {
    /// The AWS error code, e.g. `AccessDeniedException`; for an answer that never came, one of the constants here.
    pub code: String,
    /// What AWS said.
    #[serde(default)]
    pub message: String,
}

impl ApiError {
    /// The code that stands for an answer that did not come in time.
    pub const TIMEOUT: &'static str = "casefile:Timeout";
    /// The code that stands for a connection that gave no answer.
    pub const NO_ANSWER: &'static str = "casefile:NoAnswer";
    /// The code that stands for lines that were not asked for, because the collection had enough.
    pub const TRUNCATED: &'static str = "casefile:Truncated";
    /// The code of an answer that is neither the operation's nor an AWS error, e.g. an HTML page.
    pub const UNREADABLE: &'static str = "casefile:Unreadable";
    /// The code that stands for a call that was not sent, because no credentials could be had for it.
    pub const NO_CREDENTIALS: &'static str = "casefile:NoCredentials";
    /// The code that stands for a call whose request casefile could not read from what the SDK sent.
    pub const UNKNOWN_REQUEST: &'static str = "casefile:UnknownRequest";
    /// The code that stands for pages that do not end.
    pub const ENDLESS_PAGES: &'static str = "casefile:EndlessPages";

    fn says(&self, words: &[&str]) -> bool {
        let code = self.code.to_ascii_lowercase();
        words.iter().any(|word| code.contains(word))
    }

    /// Whether it says that the caller may not.
    pub fn is_denied(&self) -> bool {
        self.says(&["accessdenied", "unauthorized"])
    }

    /// Whether it says that the credentials are no good: expired, or of nobody.
    pub fn is_of_credentials(&self) -> bool {
        self.says(&["expiredtoken", "unrecognizedclient", "invalidclienttokenid"])
    }

    /// Whether it says that there is no such thing.
    pub fn is_not_found(&self) -> bool {
        self.says(&["resourcenotfound"])
    }

    /// Whether it says that too much was asked.
    pub fn is_throttled(&self) -> bool {
        self.says(&["throttl", "toomanyrequests", "limitexceeded"])
    }

    /// Whether the endpoint does not know the operation.
    pub fn is_unknown_operation(&self) -> bool {
        self.says(&["unknownoperation", "notimplemented", "invalidaction"])
    }

    /// Whether nobody answered.
    pub fn is_silence(&self) -> bool {
        [Self::TIMEOUT, Self::NO_ANSWER].contains(&self.code.as_str())
    }

    /// Whether asking again with the same words may help.
    pub fn may_pass(&self) -> bool {
        let lost = [Self::TIMEOUT, Self::NO_ANSWER, Self::UNREADABLE, Self::NO_CREDENTIALS];
        let busy = || self.is_throttled() || self.says(&["serviceunavailable", "internal", "expiredtoken"]);
        lost.contains(&self.code.as_str()) || busy()
    }

    /// What it makes of a source: `denied`, `throttled`, `partial`, `timeout`, `unreachable`, or else `missing`.
    pub fn status(&self) -> &'static str {
        if self.is_denied() || self.is_of_credentials() {
            "denied"
        } else if self.is_throttled() {
            "throttled"
        } else if self.code == Self::TRUNCATED {
            "partial"
        } else if self.says(&["timeout"]) {
            "timeout"
        } else if self.code == Self::NO_ANSWER {
            "unreachable"
        } else {
            "missing"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_mean_what_aws_means_by_them() {
        for (code, status, may_pass) in [
            ("AccessDeniedException", "denied", false),
            ("UnauthorizedOperation", "denied", false),
            ("ExpiredTokenException", "denied", true),
            ("UnrecognizedClientException", "denied", false),
            ("ThrottlingException", "throttled", true),
            ("Throttling", "throttled", true),
            ("TooManyRequestsException", "throttled", true),
            ("LimitExceededException", "throttled", true),
            ("ServiceUnavailableException", "missing", true),
            ("InternalServerError", "missing", true),
            ("ResourceNotFoundException", "missing", false),
            ("InvalidParameterException", "missing", false),
            ("UnknownOperationException", "missing", false),
            (ApiError::TIMEOUT, "timeout", true),
            ("RequestTimeout", "timeout", false),
            (ApiError::NO_ANSWER, "unreachable", true),
            (ApiError::NO_CREDENTIALS, "missing", true),
            (ApiError::UNREADABLE, "missing", true),
            (ApiError::TRUNCATED, "partial", false),
            (ApiError::ENDLESS_PAGES, "missing", false),
        ] {
            let error = ApiError { code: code.to_owned(), message: String::new() };
            assert_eq!((error.status(), error.may_pass()), (status, may_pass), "{code}");
        }
    }
}
