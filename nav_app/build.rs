//! Builds nothing. Cargo reads `[build-dependencies]` only of a package with a build script, and that
//! table makes one build of Bevy serve with and without `stream` (see `Cargo.toml`).

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
}
