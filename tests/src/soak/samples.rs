//! Memory, descriptors and connections of the host and its servers, read from the system.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};
use serde::Serialize;

use crate::stack::Stack;

/// Sample of the host and its servers.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Sample {
    pub seconds: u64,
    /// Proportional set size of the host's processes.
    pub memory_kib: u64,
    pub descriptors: u64,
    pub threads: u64,
    pub postgres_connections: u64,
    pub redis_clients: u64,
}

/// Takes samples.
pub(super) struct Sampler<'a> {
    stack: &'a Stack,
    host: u32,
    database: tokio_postgres::Client,
}

impl<'a> Sampler<'a> {
    pub(super) async fn new(stack: &'a Stack) -> Result<Self> {
        Ok(Self {
            stack,
            host: stack.host_process().context("no host")?,
            database: stack.database().await,
        })
    }

    pub(super) async fn sample(&self, at: Duration) -> Result<Sample> {
        let mut sample = Sample {
            seconds: at.as_secs(),
            ..Sample::default()
        };
        for process in tree(self.host) {
            sample.memory_kib += proportional_set_size(process)?;
            sample.descriptors += entries(process, "fd")?;
            sample.threads += entries(process, "task")?;
        }
        let sql = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'roster'";
        let connections: i64 = self.database.query_one(sql, &[]).await?.get(0);
        sample.postgres_connections = connections.try_into()?;
        let mut redis = self.stack.redis_connection().await;
        let info: String = redis::cmd("INFO")
            .arg("clients")
            .query_async(&mut redis)
            .await?;
        sample.redis_clients = number_after(&info, "connected_clients:")?;
        Ok(sample)
    }
}

/// Returns a process and all its descendants.
fn tree(process: u32) -> Vec<u32> {
    let children = format!("/proc/{process}/task/{process}/children");
    let children = fs::read_to_string(children).unwrap_or_default();
    let children = children.split_whitespace().filter_map(|id| id.parse().ok());
    [process]
        .into_iter()
        .chain(children.flat_map(tree))
        .collect()
}

fn proportional_set_size(process: u32) -> Result<u64> {
    let path = format!("/proc/{process}/smaps_rollup");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    number_after(&text, "Pss:")
}

fn entries(process: u32, folder: &str) -> Result<u64> {
    let entries = fs::read_dir(format!("/proc/{process}/{folder}"))?;
    Ok(entries.count().try_into()?)
}

fn number_after(text: &str, name: &str) -> Result<u64> {
    let (_, rest) = text
        .split_once(name)
        .with_context(|| format!("no {name}"))?;
    let number = rest.split_whitespace().next().unwrap_or_default();
    Ok(number.parse()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_parsed_after_their_names() {
        let rollup = "Rss:  20 kB\nPss:        54321 kB\nPss_Dirty: 1 kB\n";
        assert_eq!(number_after(rollup, "Pss:").unwrap(), 54_321);
        assert!(number_after(rollup, "Swap:").is_err());
    }

    #[test]
    fn memory_and_descriptors_of_a_process_are_sampled() {
        let own = std::process::id();
        assert!(tree(own).contains(&own));
        assert!(proportional_set_size(own).unwrap() > 0);
        assert!(entries(own, "fd").unwrap() > 0);
    }
}
