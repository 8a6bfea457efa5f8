//! What a private stack's servers go through.

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
        self.redis.resume().expect("Redis thaws");
    }

    pub fn stop_postgres(&mut self) {
        block_in_place(|| self.postgres.stop()).expect("Postgres stops");
    }

    /// Ends Postgres as a power cut would.
    pub fn crash_postgres(&mut self) {
        block_in_place(|| self.postgres.crash()).expect("Postgres ends");
    }

    pub fn start_postgres(&mut self) {
        block_in_place(|| self.postgres.start_again()).expect("Postgres starts");
    }

    pub fn pause_postgres(&mut self) {
        self.postgres.pause().expect("Postgres freezes");
    }

    pub fn resume_postgres(&mut self) {
        self.postgres.resume().expect("Postgres thaws");
    }

    /// Stops Postgres as an operator does and starts it again.
    pub fn restart_postgres(&mut self) {
        block_in_place(|| self.postgres.restart()).expect("Postgres restarts");
    }
}
