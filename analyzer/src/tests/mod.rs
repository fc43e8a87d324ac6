//! Tests across the modules, in one binary: linking the engine is what costs.

mod analysis;
mod determinism;
mod last_lines;
mod lines;
mod lint;
mod live;
mod sandbox;
mod schema;
mod settings;
mod signatures;
mod tail;
mod views;
mod world;
