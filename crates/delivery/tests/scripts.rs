//! Runs the delivery scripts unchanged, with scripted programs in place of a cluster and a registry.

// A failed expectation is the result that a test reports here.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]
#![allow(
    clippy::disallowed_methods,
    reason = "a thread serves the requests of smoke.sh"
)]

mod scripts {
    mod build;
    mod deploy;
    mod fixture;
    mod interruptions;
    mod lint;
    mod outcomes;
    mod preconditions;
    mod rollback;
    mod smoke;
}
