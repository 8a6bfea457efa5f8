//! Settings, under the same names as in Roster.

use std::net::SocketAddr;

use clap::Parser;

/// Serves the users API of the bench until SIGTERM.
#[derive(Parser)]
pub struct Settings {
    /// Address to listen on; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,
    #[arg(long, env = "SPIN_VARIABLE_DB_HOST")]
    pub db_host: String,
    #[arg(long, env = "SPIN_VARIABLE_DB_PORT", default_value_t = 5432)]
    pub db_port: u16,
    #[arg(long, env = "SPIN_VARIABLE_DB_NAME", default_value = "roster")]
    pub db_name: String,
    #[arg(long, env = "SPIN_VARIABLE_DB_USER", default_value = "roster")]
    pub db_user: String,
    #[arg(long, env = "SPIN_VARIABLE_DB_PASSWORD", hide_env_values = true)]
    pub db_password: String,
    /// Maximum number of connections to Postgres
    #[arg(long, default_value_t = 16)]
    pub db_connections: usize,
    #[arg(long, env = "SPIN_VARIABLE_REDIS_HOST")]
    pub redis_host: String,
    #[arg(long, env = "SPIN_VARIABLE_REDIS_PORT", default_value_t = 6379)]
    pub redis_port: u16,
    /// Default: empty, for no password
    #[arg(
        long,
        env = "SPIN_VARIABLE_REDIS_PASSWORD",
        default_value = "",
        hide_env_values = true
    )]
    pub redis_password: String,
    #[arg(long, env = "SPIN_VARIABLE_JWT_SECRET", hide_env_values = true)]
    pub jwt_secret: String,
    #[arg(long, env = "SPIN_VARIABLE_JWT_ISSUER", default_value = "roster")]
    pub jwt_issuer: String,
    #[arg(long, env = "SPIN_VARIABLE_JWT_AUDIENCE", default_value = "roster-api")]
    pub jwt_audience: String,
    #[arg(long, env = "SPIN_VARIABLE_CURSOR_KEY", hide_env_values = true)]
    pub cursor_key: String,
    /// Requests per window and caller; 0: no limit
    #[arg(long, env = "SPIN_VARIABLE_RATE_LIMIT_REQUESTS", default_value_t = 100)]
    pub rate_limit_requests: u32,
    #[arg(
        long,
        env = "SPIN_VARIABLE_RATE_LIMIT_WINDOW_SECONDS",
        default_value_t = 60
    )]
    pub rate_limit_window_seconds: u32,
    #[arg(
        long,
        env = "SPIN_VARIABLE_LOGIN_ATTEMPTS_PER_ACCOUNT",
        default_value_t = 5
    )]
    pub login_attempts_per_account: i32,
    #[arg(
        long,
        env = "SPIN_VARIABLE_LOGIN_ATTEMPTS_PER_IP",
        default_value_t = 50
    )]
    pub login_attempts_per_ip: i32,
    #[arg(
        long,
        env = "SPIN_VARIABLE_LOGIN_DELAY_SECONDS",
        default_value_t = 30.0
    )]
    pub login_delay_seconds: f64,
    #[arg(long, env = "SPIN_VARIABLE_CACHE_TTL_SECONDS", default_value_t = 30)]
    pub cache_ttl_seconds: u32,
    /// Passwords hashed at once
    #[arg(long, env = "SPIN_VARIABLE_HASH_SLOTS", default_value_t = 1)]
    pub hash_slots: usize,
}
