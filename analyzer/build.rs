//! The check pack and the views are embedded: a file that is added or changed must rebuild the crate.

fn main() {
    println!("cargo::rerun-if-changed=../queries");
    println!("cargo::rerun-if-changed=views");
}
