//! Tells the linker of a release to keep one copy of functions that came out the same: several megabytes of generic code.

fn main() {
    println!("cargo::rerun-if-changed=packaging/build.rs");
    #[allow(clippy::disallowed_methods)] // this is how cargo tells a build script
    let is = |name: &str, value: &str| std::env::var(name).is_ok_and(|has| has == value);
    // Where rustc links with LLD, which knows how (https://blog.rust-lang.org/2025/09/01/rust-lld-on-1.90.0-stable/).
    if is("PROFILE", "release") && is("CARGO_CFG_TARGET_ARCH", "x86_64") && is("CARGO_CFG_TARGET_OS", "linux") {
        println!("cargo::rustc-link-arg-bin=cooperage=-Wl,--icf=all");
    }
}
