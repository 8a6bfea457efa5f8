//! A report for tests: the app, its floor, and a peer.

use std::collections::BTreeMap;

use crate::report::data::{
    Cold, Cpu, Instance, Load, Measured, Memory, Open, Probes, Profile, Quantiles, Refused, Report,
    Role, Series, Skipped, Spread, Target,
};

const TIMES: Quantiles = Quantiles {
    p50: 3.0,
    p90: 6.0,
    p99: 12.0,
    p999: 24.0,
    max: 48.0,
};

/// Returns reads in three rounds, and `live`, `mix` and an overload in one each.
pub fn report() -> Report {
    Report {
        began: "2026-11-26T12:00:00Z".to_owned(),
        profile: Profile {
            seconds: 1.0,
            warm_up_seconds: 1.0,
            rounds: 3,
        },
        targets: vec![
            target("app", Role::Roster, "embedded"),
            target("floor", Role::Floor, "embedded"),
            target("python", Role::Peer, "python"),
        ],
        skipped: vec![Skipped {
            what: "app-on-spin".to_owned(),
            reason: "it is not installed".to_owned(),
        }],
        series: vec![
            closed("app", "get", 1, &[1_000.0]),
            closed("app", "get", 32, &[3_000.0, 4_000.0, 5_000.0]),
            closed("python", "get", 32, &[1_000.0, 1_000.0, 1_000.0]),
            closed("app", "live", 32, &[8_000.0]),
            closed("floor", "live", 32, &[10_000.0, 10_000.0, 10_000.0]),
            closed("app", "mix", 32, &[2_000.0]),
            overload(),
        ],
        ..Report::default()
    }
}

fn target(name: &str, role: Role, host: &str) -> Target {
    let spread = Spread {
        median: 300.0,
        min: 300.0,
        max: 300.0,
    };
    Target {
        name: name.to_owned(),
        role,
        host: host.to_owned(),
        shipped: BTreeMap::from([("file".to_owned(), 1 << 20)]),
        cold: Some(Cold {
            process: spread,
            instance: Some(Instance {
                pauses: 50,
                first: TIMES,
                second: TIMES,
            }),
        }),
        memory: Some(Memory {
            idle: 50.0,
            at: BTreeMap::from([(32, 100.0), (256, 150.0), (1024, 300.0)]),
            after: 200.0,
        }),
    }
}

fn closed(target: &str, workload: &str, connections: usize, rates: &[f64]) -> Series {
    let measured = |rate: &f64| Measured {
        per_second: *rate,
        good_per_second: *rate,
        statuses: BTreeMap::from([(200, 100)]),
        service: TIMES,
        response: TIMES,
        cpu: Cpu {
            generator: 0.1,
            target: 0.5,
            machine: 1.0,
        },
        ..Measured::default()
    };
    Series {
        target: target.to_owned(),
        workload: workload.to_owned(),
        load: Load::Closed { connections },
        rounds: rates.iter().map(measured).collect(),
    }
}

fn overload() -> Series {
    let probes = Probes {
        sent: 5,
        failed: 1,
        worst_ms: 80.0,
    };
    let measured = Measured {
        per_second: 3_700.0,
        good_per_second: 3_600.0,
        statuses: BTreeMap::from([(200, 3_600), (503, 30)]),
        service: TIMES,
        response: TIMES,
        refused: Some(Refused {
            count: 30,
            with_retry_after: 27,
            service: TIMES,
        }),
        open: Some(Open {
            rate: 8_000.0,
            unsent: 7,
            late: TIMES,
            probes: BTreeMap::from([("live".to_owned(), probes)]),
            recovery_ms: None,
        }),
        ..Measured::default()
    };
    Series {
        target: "app".to_owned(),
        workload: "get".to_owned(),
        load: Load::Open { percent: 200 },
        rounds: vec![measured],
    }
}
