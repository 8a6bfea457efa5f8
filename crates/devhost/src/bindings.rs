//! Host bindings of the interfaces in `wit/`: the traits that this crate implements.

/// Generated code; its types are the interfaces' own.
mod generated {
    wasmtime::component::bindgen!({
        path: "wit",
        world: "roster:devhost/host",
        imports: {
            // A constructor cannot return an error of the interface.
            "spin:postgres/postgres.[constructor]connection-builder": async | trappable,
            default: async,
        },
        with: {
            "spin:postgres/postgres.connection": crate::postgres::Connection,
            "spin:postgres/postgres.connection-builder": crate::postgres::ConnectionBuilder,
            "spin:redis/redis.connection": crate::redis::Connection,
        },
    });
}

pub use generated::spin::postgres::postgres;
pub use generated::spin::redis::redis;
pub use generated::spin::variables::variables;
