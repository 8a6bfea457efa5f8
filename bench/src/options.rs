//! The command line of `bench`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};

use crate::measure::Times;
use crate::run::Options;
use crate::workload::Workload;

/// Loads targets side by side, in rounds.
#[derive(Parser)]
#[command(version)]
pub struct Cli {
    /// Workloads to send; default: all
    #[arg(long, value_enum, value_delimiter = ',', value_name = "W,...")]
    workloads: Vec<Workload>,
    /// Connections of the closed loops; default: those of each workload
    #[arg(long, value_delimiter = ',', value_name = "N,...")]
    connections: Vec<usize>,
    /// Seconds per measurement, after one second of warm-up
    #[arg(long, value_name = "N")]
    seconds: Option<f64>,
    /// Number of rounds, each of which measures everything once
    #[arg(long, value_name = "N")]
    rounds: Option<usize>,
    /// One round of one second each over 1 and 32 connections, to show that everything works
    #[arg(long)]
    quick: bool,
    /// Skips the open loops
    #[arg(long)]
    no_open: bool,
    /// Skips starts and memory
    #[arg(long)]
    no_costs: bool,
    /// Plan with prepared targets, a JSON file
    #[arg(long, value_name = "FILE", conflicts_with = "url")]
    pub plan: Option<PathBuf>,
    /// Keeps the run in `bench/` and `docs/` of the project in this folder
    #[arg(long, value_name = "FOLDER")]
    pub keep: Option<PathBuf>,
    /// Only writes docs/capacity.md and the tables of docs/performance.md of the project in this folder
    #[arg(long, value_name = "FOLDER")]
    pub capacity: Option<PathBuf>,
    /// URL of a running app, without TLS
    #[arg(long, env = "ROSTER_URL", value_name = "U")]
    pub url: Option<String>,
    /// Email of an admin of that app, which creates the users
    #[arg(long, env = "ROSTER_ADMIN_EMAIL", value_name = "E", default_value = "")]
    pub email: String,
    /// Password of the admin
    #[arg(
        long,
        env = "ROSTER_ADMIN_PASSWORD",
        value_name = "P",
        default_value = "",
        hide_env_values = true
    )]
    pub password: String,
}

impl Cli {
    /// Returns the options, with their defaults.
    pub fn options(&self) -> Options {
        let quick = self.quick;
        let seconds = self.seconds.unwrap_or(if quick { 1.0 } else { 5.0 });
        let connections = match (self.connections.is_empty(), quick) {
            (false, _) => Some(self.connections.clone()),
            (true, true) => Some(vec![1, 32]),
            (true, false) => None,
        };
        Options {
            workloads: match self.workloads.is_empty() {
                true => Workload::value_variants().to_vec(),
                false => self.workloads.clone(),
            },
            connections,
            times: Times {
                warm_up: Duration::from_millis(if quick { 500 } else { 1000 }),
                counted: Duration::from_secs_f64(seconds.clamp(0.1, 3600.0)),
            },
            rounds: self.rounds.unwrap_or(if quick { 1 } else { 3 }).max(1),
            is_open: !self.no_open,
            starts: match (self.no_costs, quick) {
                (true, _) => 0,
                (false, true) => 1,
                (false, false) => 5,
            },
            pauses: if quick { 3 } else { 50 },
            weighed: vec![32, 256, 1024],
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::Cli;
    use crate::workload::Workload;

    #[test]
    fn lists_are_separated_by_commas() {
        let cli = Cli::parse_from(["bench", "--workloads", "get,mix", "--connections", "1,256"]);
        let options = cli.options();
        assert_eq!(options.workloads, [Workload::Get, Workload::Mix]);
        assert_eq!(options.connections, Some(vec![1, 256]));
        assert_eq!((options.rounds, options.pauses), (3, 50));
    }

    #[test]
    fn a_quick_run_measures_every_workload_in_one_round() {
        let options = Cli::parse_from(["bench", "--quick"]).options();
        assert_eq!((options.rounds, options.starts), (1, 1));
        assert!(options.workloads.contains(&Workload::SignInTiming));
    }
}
