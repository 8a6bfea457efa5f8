//! Host bindings of the interfaces in `wit/`: the traits that this crate implements.

/// Generated code; its types are the interfaces' own.
mod generated {
    wasmtime::component::bindgen!({
        path: [
            "../../wit/deps/spin-postgres",
            "../../wit/deps/spin-redis",
            "../../wit/deps/spin-variables",
        ],
        inline: "
            package roster:devhost;

            /// The host's interfaces beside WASI, with the functions that a component may call.
            world host {
                import spin:postgres/postgres@4.2.0;
                import spin:redis/redis@3.0.0;
                import spin:variables/variables@3.0.0;
            }
        ",
        world: "roster:devhost/host",
        imports: { default: async },
        with: {
            "spin:postgres/postgres.connection": crate::postgres::Connection,
            "spin:redis/redis.connection": crate::redis::Connection,
        },
    });
}

pub use generated::spin::postgres::postgres;
pub use generated::spin::redis::redis;
pub use generated::spin::variables::variables;
