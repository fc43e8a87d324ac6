//! The command line of casefile: arguments in, library call, exit code out.

mod cli;
mod config;
mod corpus;
mod destination;
mod error;
mod exit;
mod expected;
mod interrupt;
mod output;
mod panics;
mod progress;
mod redaction;
mod render;
mod target;
mod verbs;

use std::process::ExitCode;

fn main() -> ExitCode {
    panics::caught(verbs::run).into()
}
