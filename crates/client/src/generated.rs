//! Code that the build script generates.

#![allow(
    unused_imports,
    unused_qualifications,
    clippy::all,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "generated"
)]

include!(concat!(env!("OUT_DIR"), "/client.rs"));

/// Values of a problem's `code`. A server may send others.
pub mod codes {
    include!(concat!(env!("OUT_DIR"), "/codes.rs"));
}
