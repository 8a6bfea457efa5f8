//! The `Idempotency-Key` header (draft-ietf-httpapi-idempotency-key-header).

use accounts::idempotency::{IdempotencyKey, IdempotentRequest};
use http::{HeaderMap, StatusCode};

use crate::Problem;

/// Returns the request with its key; `None` when it has no key. `caller` separates the keys of different
/// callers.
///
/// # Errors
/// 400 for a key that was sent twice or is not visible ASCII.
pub fn request(
    headers: &HeaderMap,
    caller: &str,
    route: &'static str,
) -> Result<Option<IdempotentRequest>, Problem> {
    Ok(key(headers)?.map(|key| IdempotentRequest {
        caller: caller.to_owned(),
        route,
        key,
    }))
}

fn key(headers: &HeaderMap) -> Result<Option<IdempotencyKey>, Problem> {
    let mut values = headers.get_all("idempotency-key").iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let single = if values.next().is_none() {
        value.to_str().ok()
    } else {
        None
    };
    let single =
        single.ok_or_else(|| malformed("Idempotency-Key must be sent only once and in ASCII"))?;
    IdempotencyKey::parse(single).map(Some).ok_or_else(invalid)
}

pub(crate) fn invalid() -> Problem {
    malformed("Idempotency-Key must be 1 to 255 visible ASCII characters")
}

fn malformed(detail: &'static str) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "malformed_header", detail)
}
