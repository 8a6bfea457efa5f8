//! Variables that `cargo xtask test` sets for tests which need servers or programs.
//!
//! Without them `cargo test` skips these tests and names the command. `cargo xtask test` sets [`COMPLETE`], so
//! that a missing variable fails there.

use std::env;
use std::io::Write;
use std::sync::Once;

/// Variable that is set where no test may be skipped.
pub const COMPLETE: &str = "ROSTER_TESTS_COMPLETE";

/// Returns the variable `name`; `None` when the test is to be skipped.
///
/// # Panics
/// If the variable is missing where no test may be skipped.
pub fn provided(name: &str) -> Option<String> {
    static NOTE: Once = Once::new();
    let value = env::var(name).ok();
    if value.is_none() {
        assert!(env::var_os(COMPLETE).is_none(), "{name} is not set");
        // Past libtest, which hides what tests that pass print.
        NOTE.call_once(|| {
            let _ = writeln!(
                std::io::stderr().lock(),
                "skipped: tests that need {name}; `cargo xtask test` runs them"
            );
        });
    }
    value
}

/// Returns the variable `name`. Without it the test program ends here, successfully: all its tests need it.
///
/// # Panics
/// If the variable is missing where no test may be skipped.
pub fn provided_or_exit(name: &str) -> String {
    provided(name).unwrap_or_else(|| std::process::exit(0))
}
