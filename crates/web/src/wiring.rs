//! The composition of a component: settings, stores, services and the host.

#[cfg(target_arch = "wasm32")]
pub mod host;
pub mod pwned_passwords;
pub mod services;
pub mod startup;
#[cfg(feature = "testing")]
pub mod testing;
