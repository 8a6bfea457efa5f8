//! The delivery scripts, run as they are with scripted programs around them: no cluster, no registry.

// Here a failed expectation is the result that a test reports.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]
#![allow(
    clippy::disallowed_methods,
    reason = "a thread serves what smoke.sh asks"
)]

mod scripts {
    mod build;
    mod deploy;
    mod interruptions;
    mod lint;
    mod refusals;
    mod rollback;
    mod scene;
    mod secrecy;
    mod smoke;
}
