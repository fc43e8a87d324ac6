//! What is not worth sending again.

use aws_smithy_runtime_api::client::interceptors::context::InterceptorContext;
use aws_smithy_runtime_api::client::retries::classifiers::{ClassifyRetry, RetryAction, RetryClassifierPriority};

/// A page of HTML with status 500 or 501 is the answer of an endpoint that does not know the operation: an
/// AWS service answers with JSON. It would say the same again. (502 to 504 are a gateway's, and may pass.)
#[derive(Debug, Clone, Copy)]
pub(super) struct UnknownOperation;

impl ClassifyRetry for UnknownOperation {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let unknown = context.response().is_some_and(|response| {
            let html = response.headers().get("content-type").is_some_and(|kind| kind.starts_with("text/html"));
            html && matches!(response.status().as_u16(), 500 | 501)
        });
        if unknown { RetryAction::RetryForbidden } else { RetryAction::NoActionIndicated }
    }

    fn name(&self) -> &'static str {
        "casefile::UnknownOperation"
    }

    fn priority(&self) -> RetryClassifierPriority {
        RetryClassifierPriority::run_after(RetryClassifierPriority::transient_error_classifier())
    }
}
