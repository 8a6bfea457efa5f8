//! Parts of requests: bodies, query strings, preconditions and idempotency keys.

pub mod body;
pub mod conditional;
pub mod idempotency_key;
mod pointer;
pub mod query;
