//! Chaos client: works on its own users, one request after another, and logs each.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::block_in_place;

use super::failover::{Attempt, FailoverClient, Request, Response, Verdict};
use super::log::{Log, Operation, Outcome, Record};
use crate::client::LOGIN;
use crate::stack::{ADMIN_EMAIL, ADMIN_PASSWORD};

/// Longer than any fault lasts.
pub(super) const PATIENT: Duration = Duration::from_secs(30);
/// Time for which a Redis that was frozen may keep the old state of changes made meanwhile.
const THAW_LIMIT: Duration = Duration::from_secs(2);
/// Number of users with passwords and sessions per client, and of recent users that it still changes.
const PEOPLE: usize = 3;
const CHANGED: usize = 60;

/// User of a client, in the state that the client expects.
pub(super) struct Account {
    pub email: String,
    pub id: String,
    /// Request that created it, to be repeated.
    pub create: Request,
    pub version: u64,
    /// Number of the password; `None` if it has none.
    pub password: Option<u64>,
    pub sessions: Vec<Session>,
    pub state: State,
}

#[derive(Clone, Copy, Eq, PartialEq)]
pub(super) enum State {
    Alive,
    Deleted,
    /// A change has no outcome yet: the user is left alone until the faults have ended.
    InDoubt,
}

/// Session of a client.
#[derive(Clone, Debug)]
pub struct Session {
    pub id: String,
    pub access_token: String,
    pub refresh_token: String,
    /// True when its tokens come from a host whose clock was moved: they prove nothing.
    pub skewed: bool,
}

/// Request without an outcome, to be repeated when the faults have ended.
pub(super) struct UnresolvedRequest {
    pub account: usize,
    pub record: Record,
    pub request: Request,
}

/// State that the verification needs in addition to the log.
#[derive(Default)]
pub struct FinalState {
    /// Access tokens of sessions whose end was acknowledged.
    pub revoked: Vec<String>,
    /// Sessions that must still work.
    pub live: Vec<Session>,
}

pub struct Client {
    pub(super) index: usize,
    /// Distinguishes this run's users.
    pub(super) run: String,
    pub(super) failover: FailoverClient,
    pub(super) random: fastrand::Rng,
    pub(super) log: Log,
    pub(super) count: u64,
    pub(super) admin_token: String,
    pub(super) people: Vec<Account>,
    pub(super) accounts: Vec<Account>,
    pub(super) unresolved: Vec<UnresolvedRequest>,
    pub(super) final_state: FinalState,
    /// Acknowledged changes of all clients.
    pub(super) acknowledged: Arc<AtomicU64>,
}

impl Client {
    /// Returns a client that has signed in and created its people.
    pub async fn prepare(
        (index, run, seed): (usize, &str, u64),
        failover: FailoverClient,
        folder: &Path,
        acknowledged: Arc<AtomicU64>,
    ) -> Result<Self> {
        let mut client = Self {
            index,
            run: run.to_owned(),
            failover,
            random: fastrand::Rng::with_seed(seed ^ (index as u64 + 1)),
            log: Log::create(&folder.join(format!("{index}.jsonl")))?,
            count: 0,
            admin_token: String::new(),
            people: Vec::new(),
            accounts: Vec::new(),
            unresolved: Vec::new(),
            final_state: FinalState::default(),
            acknowledged,
        };
        client.sign_in_admin().await;
        for person in 0..PEOPLE {
            client.create(Some(0)).await?;
            client.login(person).await?;
        }
        Ok(client)
    }

    /// Works until `over`, then determines the outcome of every open request.
    pub async fn work(
        mut self,
        over: Arc<AtomicBool>,
        healed: Arc<AtomicBool>,
    ) -> Result<FinalState> {
        while !over.load(Ordering::SeqCst) {
            self.step().await?;
        }
        while !healed.load(Ordering::SeqCst) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.sign_in_admin().await;
        self.resolve().await?;
        block_in_place(|| self.log.flush())?;
        let people = self.people.into_iter();
        let alive = people.filter(|person| person.state == State::Alive);
        self.final_state.live = alive.flat_map(|person| person.sessions).collect();
        Ok(self.final_state)
    }

    async fn step(&mut self) -> Result<()> {
        let person = self.random.usize(0..PEOPLE);
        match self.random.u8(0..100) {
            0..=25 => self.create(None).await,
            26..=35 => self.replay().await,
            36..=38 => self.create_taken().await,
            39..=74 => self.patch().await,
            75..=78 => self.patch_stale().await,
            79..=85 => self.delete().await,
            86..=89 => self.login(person).await,
            90 => self.change_password(person).await,
            91 => self.change_password_wrongly(person).await,
            92..=94 => self.revoke(person).await,
            _ => self.refresh(person).await,
        }
    }

    /// Picks one of the latest users that are alive and not in doubt.
    pub(super) fn pick(&mut self) -> Option<usize> {
        let first = self.accounts.len().saturating_sub(CHANGED);
        let candidates = first..self.accounts.len();
        let alive: Vec<_> = candidates
            .filter(|at| self.accounts[*at].state == State::Alive)
            .collect();
        self.random.choice(alive)
    }

    /// Time for which the next request is repeated: some are given up at once, to be resolved later.
    pub(super) fn patience(&mut self) -> Duration {
        match self.random.u8(0..4) {
            0 => Duration::ZERO,
            _ => PATIENT,
        }
    }

    pub(super) fn any_host(&mut self) -> usize {
        self.random.usize(0..2)
    }

    /// Logs an intent.
    pub(super) fn intend(
        &mut self,
        operation: Operation,
        user: &str,
        value: &str,
    ) -> Result<Record> {
        let record = Record {
            number: (self.index, self.count),
            operation,
            user: user.to_owned(),
            value: value.to_owned(),
            outcome: None,
            was_unknown: false,
            id: String::new(),
            version: 0,
        };
        self.count += 1;
        block_in_place(|| self.log.intent(&record))?;
        Ok(record)
    }

    /// Logs an outcome.
    pub(super) fn conclude(&mut self, record: &mut Record, outcome: Outcome) -> Result<()> {
        record.outcome = Some(outcome);
        if outcome == Outcome::Ok && record.operation != Operation::Replay {
            self.acknowledged.fetch_add(1, Ordering::SeqCst);
        }
        self.log.outcome(record)
    }

    /// Sends the request to both hosts and records a violation for each response that `is_wrong` names.
    pub(super) async fn probe(
        &self,
        request: &Request,
        is_wrong: impl Fn(&Response) -> bool,
        what: &str,
    ) {
        for host in 0..2 {
            let Some(Response { status, body }) = self.wrong(host, request, &is_wrong).await else {
                continue;
            };
            let what = format!("{what}: host {host} responds with {status} {body}");
            let may_be_outdated = self.failover.meter.may_be_outdated(THAW_LIMIT);
            let begun = Instant::now();
            while self.wrong(host, request, &is_wrong).await.is_some() && begun.elapsed() < PATIENT
            {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            // A frozen Redis keeps the old state until it is updated, soon after it thaws.
            match begun.elapsed() {
                took if may_be_outdated && took < THAW_LIMIT => self.failover.meter.outdated(took),
                took => self
                    .failover
                    .meter
                    .violation(&format!("{what}, for {took:.1?}")),
            }
        }
    }

    async fn wrong(
        &self,
        host: usize,
        request: &Request,
        is_wrong: impl Fn(&Response) -> bool,
    ) -> Option<Response> {
        match self.failover.attempt(host, request).await {
            Attempt::Response(response) => is_wrong(&response).then_some(response),
            Attempt::Refused | Attempt::Lost => None,
        }
    }

    /// Builds a request of the administrator.
    pub(super) fn as_admin(&self, method: Method, path: &str) -> Request {
        Request::new(method, path).token(&self.admin_token)
    }

    /// Signs the administrator in again after a rejected token, as with a moved clock.
    pub(super) async fn after_refusal(&mut self, response: &Response) {
        if response.status == 401 {
            self.sign_in_admin().await;
        }
    }

    pub(super) async fn sign_in_admin(&mut self) {
        let request = login_request(ADMIN_EMAIL, ADMIN_PASSWORD);
        let settled = self.failover.settle(self.index, &request, PATIENT).await;
        if let Verdict::Done(response) = settled.verdict {
            response
                .text("access_token")
                .clone_into(&mut self.admin_token);
        }
    }
}

pub(super) fn login_request(email: &str, password: &str) -> Request {
    let body = json!({ "email": email, "password": password });
    Request::new(Method::POST, LOGIN).body(body)
}

/// Password of a number, the same in every run.
pub fn password(number: u64) -> String {
    format!("chaos password {number}")
}

/// Body of a create request.
pub(super) fn new_user(email: &str, name: &str, with_password: Option<u64>) -> Value {
    let mut body = json!({ "email": email, "full_name": name });
    if let Some(number) = with_password {
        body["password"] = json!(password(number));
    }
    body
}
