//! Asking AWS.
