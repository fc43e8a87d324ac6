//! Tests across the modules, in one binary, because linking the engine is slow.

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
mod together;
mod views;
mod world;
