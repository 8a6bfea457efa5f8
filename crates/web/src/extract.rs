//! Parts of requests: ids in paths, query strings, bodies, preconditions and idempotency keys.

pub mod body;
pub mod conditional;
pub mod idempotency_key;
pub mod lines;
pub mod parameter;
pub mod path;
mod pointer;
pub mod query;
