//! Metrics of the domain's events.

use accounts::metrics::Event;

/// Counter of an event.
pub(super) struct Metric {
    /// Shared by events that differ in their outcome only, which are adjacent in [`Event`].
    pub(super) name: &'static str,
    /// Value of the label `outcome`.
    pub(super) outcome: Option<&'static str>,
    pub(super) help: &'static str,
}

pub(super) const fn metric(event: Event) -> Metric {
    const LOGINS: &str = "Login attempts by outcome.";
    const CACHE: &str = "Cache lookups of users by outcome; a miss is read from Postgres.";
    let (name, outcome, help) = match event {
        Event::LoginSucceeded => ("roster_logins_total", Some("succeeded"), LOGINS),
        Event::LoginFailed => ("roster_logins_total", Some("failed"), LOGINS),
        Event::LoginThrottled => ("roster_logins_total", Some("throttled"), LOGINS),
        Event::TokenRefused => (
            "roster_tokens_refused_total",
            None,
            "Rejected access tokens.",
        ),
        Event::RefreshReplayed => (
            "roster_refresh_replays_total",
            None,
            "Refresh tokens used more than once; each reuse ends the session.",
        ),
        Event::RateLimited => (
            "roster_rate_limited_total",
            None,
            "Requests rejected by the general rate limit.",
        ),
        Event::RateLimitOpen => (
            "roster_rate_limit_open_total",
            None,
            "Requests accepted without rate limiting, because Redis did not respond.",
        ),
        Event::CacheHit => ("roster_cache_lookups_total", Some("hit"), CACHE),
        Event::CacheMiss => ("roster_cache_lookups_total", Some("miss"), CACHE),
        Event::HashSlotRefused => (
            "roster_hash_slots_refused_total",
            None,
            "Passwords not hashed, because no hash slot was free.",
        ),
        Event::BreachCheckFailed => (
            "roster_breach_checks_failed_total",
            None,
            "Passwords accepted without the breach check, because it failed.",
        ),
        Event::PasswordBreached => (
            "roster_passwords_breached_total",
            None,
            "Passwords rejected, because they appear in known data breaches.",
        ),
    };
    Metric {
        name,
        outcome,
        help,
    }
}

/// Field of the event's total in Redis, which names its series.
pub(super) fn field(event: Event) -> String {
    let Metric { name, outcome, .. } = metric(event);
    match outcome {
        Some(outcome) => format!("event {name}{{outcome=\"{outcome}\"}}"),
        None => format!("event {name}"),
    }
}
