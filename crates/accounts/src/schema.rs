//! Version of the database schema.

/// Number of the last migration, which the statements require. The build script reads it from `migrations/`, so
/// that a new migration needs no edit here.
pub const SCHEMA_VERSION: i64 = include!(concat!(env!("OUT_DIR"), "/schema_version"));
