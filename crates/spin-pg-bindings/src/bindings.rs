//! Interfaces of the host, generated from `wit/`.

#![allow(unsafe_code, unused_qualifications, clippy::all, reason = "generated")]
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "generated"
)]
#![allow(clippy::indexing_slicing, clippy::todo, reason = "generated")]

wit_bindgen::generate!({
    path: "../../wit",
    world: "bindings",
    generate_all,
});

pub(crate) use spin::postgres::postgres;
pub(crate) use spin::redis::redis;
