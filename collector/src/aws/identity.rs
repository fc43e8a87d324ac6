//! Whose credentials these are (AWS STS, GetCallerIdentity, which every caller may ask).

use super::{Aws, wire};
use crate::document::ApiError;

/// The caller, as AWS knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The account id.
    pub account: String,
    /// The ARN of the user or of the assumed role.
    pub arn: String,
}

impl Aws {
    /// Asks whose credentials these are. It may be cancelled.
    ///
    /// # Errors
    /// What STS answered, or that nobody answered.
    pub async fn identity(&self) -> Result<Identity, ApiError> {
        let answer = aws_sdk_sts::Client::new(self.config()).get_caller_identity().send().await;
        let answer = answer.map_err(|error| wire::api_error(&error))?;
        Ok(Identity {
            account: answer.account().unwrap_or_default().to_owned(),
            arn: answer.arn().unwrap_or_default().to_owned(),
        })
    }
}
