//! State that the endpoints share.

use std::sync::Arc;

use spin_pg_bindings::postgres::Database;
use spin_pg_bindings::redis::Redis;
use web::middleware::log::Log;

use crate::start::Components;

pub struct HealthState {
    pub database: Arc<dyn Database>,
    pub redis: Arc<dyn Redis>,
    /// The components whose configuration is checked.
    pub others: Arc<dyn Components>,
    pub log: Log,
    /// The host's name, `host_id`.
    pub host: Arc<str>,
}
