//! The router with a database that answers as each test tells it.
