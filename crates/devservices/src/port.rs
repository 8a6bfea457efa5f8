//! Ports for servers that cannot report the one that they were given.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::net::{Ipv4Addr, TcpListener};

use anyhow::{Context, Result};

const FIRST: u16 = 20_000;
const LAST: u16 = 32_000;

/// Returns a port on 127.0.0.1 that is free now, below the range of outgoing connections.
///
/// In that range the kernel could give the port of a stopped server to a client that connects to it:
/// the client would be connected to itself, and the server could not start again.
pub fn free_port() -> Result<u16> {
    let span = u64::from(LAST - FIRST);
    // std's hash keys are random: each caller starts at another port, so parallel tests rarely collide.
    let offset = RandomState::new().hash_one(std::process::id()) % span;
    (0..span)
        .map(|step| (offset + step) % span)
        .filter_map(|step| u16::try_from(step).ok())
        .map(|step| FIRST + step)
        .find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
        .context("no free port on 127.0.0.1 between 20000 and 32000")
}
