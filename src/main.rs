//! The command line of casefile: arguments in, library call, exit code out.

mod backtest;
mod cli;
#[cfg(feature = "cluster")]
mod cluster;
mod config;
mod corpus;
mod destination;
mod doctor;
mod error;
mod exit;
mod format;
mod history;
mod init;
mod interrupt;
mod library;
mod operator;
mod output;
mod panics;
mod place;
mod progress;
mod render;
mod say;
mod span;
mod target;
mod verbs;
mod visible;

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    panics::caught(verbs::run).into()
}
