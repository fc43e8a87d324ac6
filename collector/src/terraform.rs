//! Terraform outputs.
