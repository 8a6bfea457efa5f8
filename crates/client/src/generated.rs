//! What the build script generates.

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

/// The `code`s of problems. Servers may know more.
pub mod codes {
    include!(concat!(env!("OUT_DIR"), "/codes.rs"));
}
