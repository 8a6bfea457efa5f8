//! Idempotency keys: a client's name for one request, so that it can be sent again safely.

/// How long a key is remembered.
pub const KEPT_HOURS: i32 = 24;

/// A request that may come again: who sent it where, and under which key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotentRequest {
    /// Keys of different callers never meet.
    pub caller: String,
    pub route: &'static str,
    pub key: IdempotencyKey,
}

/// 1 to 255 visible ASCII characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if !(1..=255).contains(&text.len()) || !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err("Idempotency-Key must be 1 to 255 visible ASCII characters");
        }
        Ok(Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}
