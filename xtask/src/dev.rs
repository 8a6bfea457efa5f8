//! Commands that run the app on the developer's machine.

pub mod admin;
pub mod banner;
pub mod compose;
pub mod first_admin;
pub mod host;
pub mod running_app;
pub mod secrets;
pub mod servers;
pub mod settings;
pub mod setup;
pub mod up;
pub mod watch;
