//! Idempotency keys: a client's name for one request, so that it can be retried safely.

pub mod store;

/// Hours that a key is kept.
pub const KEPT_HOURS: i32 = 24;

/// A request that may be repeated: its caller, its route and its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotentRequest {
    /// Caller of the request; keys of different callers are separate.
    pub caller: String,
    pub route: &'static str,
    pub key: IdempotencyKey,
}

/// 1 to 255 visible ASCII characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// Returns `None` for other text.
    pub fn parse(text: &str) -> Option<Self> {
        let valid = (1..=255).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
        valid.then(|| Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}
