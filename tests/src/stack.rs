//! A private stack for the fault suites.
