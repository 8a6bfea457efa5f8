//! Tests from a response to the totals, with a scripted Redis.

use super::*;
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;

use async_trait::async_trait;
use futures::executor::block_on;
use spin_pg_bindings::redis::{RedisError, Reply};

type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Keeps the work until the test runs it; sleeps end at once.
#[derive(Default)]
struct ManualDeferred(Mutex<Vec<Work>>);

#[async_trait]
impl Deferred for ManualDeferred {
    fn spawn(&self, work: Work) {
        self.0.lock().unwrap().push(work);
    }

    async fn sleep(&self, _: Duration) {}
}

/// Outcome of one attempt.
#[derive(Clone, Copy)]
enum Outcome {
    Taken,
    /// Taken, but the reply came too late.
    TakenLate,
    Refused,
}
use Outcome::{Refused, Taken, TakenLate};

/// Gives each attempt the next outcome; keeps the totals as the script does.
struct Scripted {
    outcomes: Mutex<Vec<Outcome>>,
    totals: Mutex<BTreeMap<String, u64>>,
    marks: Mutex<Vec<String>>,
    /// Metrics that record a response during the first attempt.
    meanwhile: Mutex<Option<Metrics>>,
}

#[async_trait]
impl Redis for Scripted {
    async fn execute(&self, command: &Command) -> Result<Vec<Reply>, RedisError> {
        if let Some(metrics) = self.meanwhile.lock().unwrap().take() {
            record_live_request(&metrics);
        }
        assert_eq!(command.name, "EVALSHA");
        let texts = command.args.iter().map(|arg| match arg {
            Arg::Bytes(bytes) => String::from_utf8(bytes.clone()).unwrap(),
            Arg::Int(number) => number.to_string(),
        });
        let texts: Vec<String> = texts.collect();
        assert_eq!(texts[..3], [ADD.sha1(), "2", KEY]);
        let outcome = self.outcomes.lock().unwrap().remove(0);
        let mut marks = self.marks.lock().unwrap();
        if !matches!(outcome, Refused) && !marks.contains(&texts[3]) {
            marks.push(texts[3].clone());
            let mut totals = self.totals.lock().unwrap();
            for pair in texts[5..].chunks(2) {
                *totals.entry(pair[0].clone()).or_default() += pair[1].parse::<u64>().unwrap();
            }
        }
        match outcome {
            Taken => Ok(vec![Reply::Int(1)]),
            TakenLate => Err(RedisError::Timeout(Duration::ZERO)),
            Refused => Err(RedisError::Connection("refused".to_owned())),
        }
    }
}

struct Fixture {
    metrics: Metrics,
    redis: Arc<Scripted>,
    later: Arc<ManualDeferred>,
}

fn fixture(outcomes: &[Outcome]) -> Fixture {
    let redis = Arc::new(Scripted {
        outcomes: Mutex::new(outcomes.to_vec()),
        totals: Mutex::default(),
        marks: Mutex::default(),
        meanwhile: Mutex::default(),
    });
    let later = Arc::new(ManualDeferred::default());
    Fixture {
        metrics: Metrics::new(redis.clone(), later.clone()),
        redis,
        later,
    }
}

fn record_live_request(metrics: &Metrics) {
    metrics.record(
        &Method::GET,
        Some("/live"),
        StatusCode::OK,
        Some(Duration::from_micros(7)),
    );
}

impl Fixture {
    /// Runs the spawned pieces of work and returns their number.
    fn run_spawned(&self) -> usize {
        let works = std::mem::take(&mut *self.later.0.lock().unwrap());
        let count = works.len();
        works.into_iter().for_each(block_on);
        count
    }

    #[track_caller]
    fn check_total(&self, expected: u64) {
        let totals = self.redis.totals.lock().unwrap();
        for (name, each) in [
            ("requests GET /live 200", 1),
            ("bucket /live 1000", 1),
            ("micros /live", 7),
        ] {
            assert_eq!(
                totals.get(name).copied().unwrap_or(0),
                expected * each,
                "{name}"
            );
        }
    }
}

#[test]
fn many_responses_share_one_flush() {
    let fixture = fixture(&[Taken, Taken]);
    for _ in 0..100 {
        record_live_request(&fixture.metrics);
    }
    assert_eq!(fixture.run_spawned(), 1);
    fixture.check_total(100);
    record_live_request(&fixture.metrics);
    assert_eq!(fixture.run_spawned(), 1);
    fixture.check_total(101);
}

#[test]
fn counts_during_a_flush_are_included() {
    let fixture = fixture(&[Taken, Taken]);
    *fixture.redis.meanwhile.lock().unwrap() = Some(fixture.metrics.clone());
    record_live_request(&fixture.metrics);
    assert_eq!(fixture.run_spawned(), 1);
    fixture.check_total(2);
    assert_eq!(fixture.run_spawned(), 0);
}

#[test]
fn a_failed_flush_is_retried_with_the_next_one() {
    let fixture = fixture(&[Refused, Refused, Refused, Taken, Taken]);
    record_live_request(&fixture.metrics);
    assert_eq!(fixture.run_spawned(), 1);
    fixture.check_total(0);
    record_live_request(&fixture.metrics);
    assert_eq!(fixture.run_spawned(), 1);
    fixture.check_total(2);
}

#[test]
fn a_batch_with_a_late_reply_is_counted_once() {
    let fixture = fixture(&[TakenLate, Refused, Taken]);
    record_live_request(&fixture.metrics);
    fixture.run_spawned();
    fixture.check_total(1);
    assert_eq!(fixture.redis.marks.lock().unwrap().len(), 1);
}

#[test]
fn a_dropped_flush_does_not_block_the_next_one() {
    let fixture = fixture(&[Taken]);
    record_live_request(&fixture.metrics);
    fixture.later.0.lock().unwrap().clear();
    record_live_request(&fixture.metrics);
    assert_eq!(fixture.run_spawned(), 1);
    fixture.check_total(2);
}
