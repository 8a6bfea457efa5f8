//! Short chaos run: no change is lost, no failed change happened, none happened twice.

use std::time::Duration;

use blackbox::chaos::{Plan, run};
use blackbox::stack::needs_host;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_kills_lose_nothing() {
    needs_host();
    let plan = Plan {
        seed: 11,
        kills: 20,
        writes: 300,
        limit: Duration::from_secs(120),
        clients: 4,
        full_disks: 0,
        reports: None,
    };
    let report = run(&plan).await.expect("a run");
    assert!(report.is_clean(), "{}", report.markdown());
    assert!(report.kills >= plan.kills, "{}", report.markdown());
    assert!(report.acknowledged >= plan.writes, "{}", report.markdown());
}
