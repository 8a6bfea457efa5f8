//! Faults of a private stack's servers.

use anyhow::{Context, Result};
use tokio::task::block_in_place;

use super::Stack;

impl Stack {
    pub fn stop_redis(&mut self) {
        block_in_place(|| self.redis.stop()).expect("Redis stops");
    }

    /// Starts Redis again, empty.
    pub fn start_redis(&mut self) {
        block_in_place(|| self.redis.start_again()).expect("Redis starts");
    }

    pub fn pause_redis(&mut self) {
        self.redis.pause().expect("Redis freezes");
    }

    pub fn resume_redis(&mut self) {
        self.redis.resume().expect("Redis resumes");
    }

    pub fn stop_postgres(&mut self) {
        block_in_place(|| self.postgres.stop()).expect("Postgres stops");
    }

    /// Ends Postgres abruptly, as in a power cut.
    pub fn crash_postgres(&mut self) {
        block_in_place(|| self.postgres.crash()).expect("Postgres crashes");
    }

    pub fn start_postgres(&mut self) {
        block_in_place(|| self.postgres.start_again()).expect("Postgres starts");
    }

    pub fn pause_postgres(&mut self) {
        self.postgres.pause().expect("Postgres freezes");
    }

    pub fn resume_postgres(&mut self) {
        self.postgres.resume().expect("Postgres resumes");
    }

    /// Restarts Postgres in an orderly way.
    pub fn restart_postgres(&mut self) {
        block_in_place(|| self.postgres.restart()).expect("Postgres restarts");
    }

    /// Ends Postgres and all its sessions by SIGKILL.
    ///
    /// # Errors
    /// If a signal cannot be sent.
    pub fn kill_postgres(&mut self) -> Result<()> {
        block_in_place(|| self.postgres.kill())
    }

    /// Starts Postgres if it is not running, also after it ended by itself.
    ///
    /// # Errors
    /// End of its log if it does not start.
    pub fn revive_postgres(&mut self) -> Result<()> {
        block_in_place(|| self.postgres.start_again())
    }

    /// Ends Redis by SIGKILL.
    ///
    /// # Errors
    /// If a signal cannot be sent.
    pub fn kill_redis(&mut self) -> Result<()> {
        block_in_place(|| self.redis.kill())
    }

    /// Ends the host by SIGKILL, and starts another at another address (see [`Stack::restart_host`]).
    ///
    /// # Errors
    /// If a signal cannot be sent, or the host does not start.
    pub fn kill_host(&mut self) -> Result<()> {
        if let Some(host) = &mut self.host {
            block_in_place(|| host.process.kill())?;
        }
        self.restart_host(&[])
    }

    /// Process id of the host, while it runs.
    pub fn host_process(&self) -> Option<u32> {
        self.host.as_ref().map(|host| host.process.id())
    }

    /// Returns true if Postgres has a disk that can be filled.
    pub fn has_small_disk(&self) -> bool {
        self.small_disk.is_some()
    }

    /// URL of a superuser for the app's database.
    pub fn superuser_url(&self) -> String {
        self.postgres.url("roster")
    }

    /// Leaves no byte free on the disk of Postgres.
    ///
    /// # Errors
    /// If the stack has no separate disk.
    pub fn fill_disk(&self) -> Result<()> {
        let disk = self.small_disk.as_ref().context("no disk to fill")?;
        block_in_place(|| disk.fill())
    }

    /// Reverts `fill_disk`.
    ///
    /// # Errors
    /// If the stack has no separate disk.
    pub fn free_disk(&self) -> Result<()> {
        self.small_disk.as_ref().context("no disk to free")?.free()
    }
}
