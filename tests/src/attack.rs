//! Resource attack on a private stack: measures the cost to the host and checks that other clients are
//! served.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

use crate::client::{USERS, id, user_path};
use crate::stack::{Stack, eventually};
use crate::usage::Usage;
use crate::{Client, new_user};

/// Descriptors that instances open and close in normal operation: connections to Postgres and Redis.
const POOLED: u64 = 100;
/// Longer than the lifetime of an idle instance.
const RELEASE: Duration = Duration::from_secs(60);

/// Attack in progress.
pub struct Attack<'a> {
    stack: &'a Stack,
    name: &'static str,
    before: Usage,
    over: Arc<AtomicBool>,
    bystander: JoinHandle<Served>,
}

/// Responses to the other clients.
struct Served {
    requests: u32,
    slowest: Duration,
}

/// Cost of an attack at its peak.
#[derive(Clone, Copy)]
pub struct Cost {
    pub memory_kib: u64,
    pub descriptors: u64,
    pub processor: Duration,
}

impl<'a> Attack<'a> {
    /// Records the host's usage during normal reads, and keeps reading.
    pub async fn begin(stack: &'a Stack, name: &'static str) -> Self {
        let user = stack.client.created(&new_user()).await;
        let path = user_path(id(&user));
        for _ in 0..20 {
            read_all(&stack.client, &path).await;
        }
        let over = Arc::new(AtomicBool::new(false));
        Self {
            stack,
            name,
            before: stack.usage(),
            bystander: tokio::spawn(read_until(stack.client.clone(), path, over.clone())),
            over,
        }
    }

    /// Resources that the host uses in addition to those before the attack.
    pub fn cost(&self) -> Cost {
        let now = self.stack.usage();
        Cost {
            memory_kib: now.memory_kib.saturating_sub(self.before.memory_kib),
            descriptors: now.descriptors.saturating_sub(self.before.descriptors),
            processor: now.processor.saturating_sub(self.before.processor),
        }
    }

    /// Ends an attack that has released its resources and prints its cost. Checks that another client was
    /// served meanwhile and that the host has closed its descriptors.
    ///
    /// # Panics
    /// If a check fails.
    pub async fn end(self, cost: Cost) {
        self.over.store(true, Ordering::Relaxed);
        let served = self.bystander.await;
        let served = served.unwrap_or_else(|error| panic!("{error}\n{}", self.stack.log()));
        assert!(served.requests > 0, "no other client was served");
        let limit = self.before.descriptors + POOLED;
        let released = async || self.stack.usage().descriptors <= limit;
        eventually(RELEASE, "the host to close its descriptors", released).await;
        println!(
            "{}: {cost}; afterwards {} MiB more; {} requests of others, the slowest {} ms",
            self.name,
            (self
                .stack
                .usage()
                .memory_kib
                .saturating_sub(self.before.memory_kib))
                / 1024,
            served.requests,
            served.slowest.as_millis()
        );
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{:.1} MiB, {} descriptors, {} ms of processor",
            self.memory_kib as f64 / 1024.0,
            self.descriptors,
            self.processor.as_millis()
        )
    }
}

async fn read_until(client: Client, user: String, over: Arc<AtomicBool>) -> Served {
    let mut served = Served {
        requests: 0,
        slowest: Duration::ZERO,
    };
    while !over.load(Ordering::Relaxed) {
        let begun = Instant::now();
        served.requests += read_all(&client, &user).await;
        served.slowest = served.slowest.max(begun.elapsed());
    }
    served
}

/// Sends one request to each component that serves data, over a new connection: open connections do not
/// show that new ones are accepted.
async fn read_all(client: &Client, user: &str) -> u32 {
    let list = format!("{USERS}?limit=1");
    let paths = [user, &list, "/api/v1/auth/sessions", "/api/v1/health/live"];
    for path in paths {
        client
            .get_with(path, "connection", "close")
            .await
            .expect(200);
    }
    4
}
