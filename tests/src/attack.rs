//! An attack on a private stack by resources: what it costs the host, and that others are served
//! meanwhile.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

use crate::client::{USERS, id, user_path};
use crate::stack::{Stack, eventually};
use crate::usage::Usage;
use crate::{Client, new_user};

/// Descriptors that instances open and close as they come and go: connections to Postgres and Redis.
const POOLED: u64 = 100;
/// Longer than instances live without requests.
const RELEASE: Duration = Duration::from_secs(60);

/// An attack that goes on.
pub struct Attack<'a> {
    stack: &'a Stack,
    name: &'static str,
    before: Usage,
    over: Arc<AtomicBool>,
    bystander: JoinHandle<Served>,
}

/// Responses to the others.
struct Served {
    requests: u32,
    slowest: Duration,
}

/// Cost of an attack at its height.
#[derive(Clone, Copy)]
pub struct Cost {
    pub memory_kib: u64,
    pub descriptors: u64,
    pub processor: Duration,
}

impl<'a> Attack<'a> {
    /// Notes what the host uses while somebody reads, and goes on reading.
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
            bystander: tokio::spawn(read_on(stack.client.clone(), path, over.clone())),
            over,
        }
    }

    /// Resources that the host uses now beyond those of before.
    pub fn cost(&self) -> Cost {
        let now = self.stack.usage();
        Cost {
            memory_kib: now.memory_kib.saturating_sub(self.before.memory_kib),
            descriptors: now.descriptors.saturating_sub(self.before.descriptors),
            processor: now.processor.saturating_sub(self.before.processor),
        }
    }

    /// Ends an attack that has let go of what it held: somebody was served meanwhile, and the host has
    /// let go as well. States the cost.
    ///
    /// # Panics
    /// When that is not so.
    pub async fn end(self, cost: Cost) {
        self.over.store(true, Ordering::Relaxed);
        let served = self.bystander.await;
        let served = served.unwrap_or_else(|error| panic!("{error}\n{}", self.stack.log()));
        assert!(served.requests > 0, "nobody else was served");
        let limit = self.before.descriptors + POOLED;
        let released = async || self.stack.usage().descriptors <= limit;
        eventually(RELEASE, "the host to close what it opened", released).await;
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

async fn read_on(client: Client, user: String, over: Arc<AtomicBool>) -> Served {
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

/// One request to each component that serves data, by a new connection: those that are open say
/// nothing of those to come.
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
