//! Parts of requests: bodies, query strings, preconditions and idempotency keys.

pub mod body;
pub mod conditional;
pub mod idempotency_key;
pub mod lines;
mod pointer;
pub mod query;
