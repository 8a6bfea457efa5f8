//! Load of the soak run.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::Result;
use futures::future::try_join_all;
use reqwest::{Method, RequestBuilder};
use serde_json::json;

use crate::client::{LOGIN, ME, USERS, access_token, id, user_path};
use crate::person::Person;
use crate::stack::{ADMIN_EMAIL, ADMIN_PASSWORD, Stack};
use crate::{Client, new_user};

/// Number of users that are read and renamed, and of people that sign in.
const USERS_COUNT: usize = 200;
const PEOPLE: usize = 12;
/// Age at which the administrator signs in again, before the token expires.
const TOKEN_AGE: Duration = Duration::from_secs(1_200);

/// Stands for 503 with the code `busy`; no server sends it as a status.
const BUSY: u16 = 1;

/// Pace of the requests.
#[derive(Clone, Copy)]
pub(super) enum Pace {
    /// Sends the next request after the previous response.
    Closed,
    /// Sends one request per interval, independent of response times.
    Open(Duration),
}

/// Requests of a load.
#[derive(Clone, Copy)]
pub(super) enum Mix {
    /// 90 % reads, 9 % writes, 1 % logins.
    Whole,
    /// Reads of one user.
    Reads,
}

/// Responses of a load.
#[derive(Clone, Debug, Default)]
pub(super) struct Counted {
    pub completed: u64,
    /// Logins without a free hash slot: a response by design, with Retry-After.
    pub busy: u64,
    /// Unexpected statuses, 0 without a response.
    pub failures: BTreeMap<u16, u64>,
    pub examples: Vec<String>,
    /// Milliseconds from the time that a request was due to its response.
    pub latencies: Vec<u32>,
}

/// App with users in it.
pub(super) struct Load {
    admin: Mutex<(Client, Instant)>,
    people: Vec<Mutex<Person>>,
    users: Vec<String>,
    nobody: Client,
}

impl Load {
    pub(super) async fn prepare(stack: &Stack) -> Result<Self> {
        let admin = &stack.client;
        let mut people = Vec::new();
        for _ in 0..PEOPLE {
            people.push(Mutex::new(Person::create(admin).await));
        }
        let mut users = Vec::new();
        for _ in 0..USERS_COUNT {
            users.push(id(&admin.created(&new_user()).await).to_owned());
        }
        Ok(Self {
            admin: Mutex::new((admin.clone(), Instant::now())),
            people,
            users,
            nobody: stack.anonymous(),
        })
    }

    /// Sends requests for `time` with this many workers.
    pub(super) async fn run(
        self: &Arc<Self>,
        time: Duration,
        workers: usize,
        pace: Pace,
        mix: Mix,
    ) -> Result<Counted> {
        let (begun, tickets) = (Instant::now(), Arc::new(AtomicU64::new(0)));
        let workers = (0..workers).map(|worker| {
            let (load, tickets) = (Arc::clone(self), Arc::clone(&tickets));
            tokio::spawn(async move { load.work(worker, begun, time, (pace, mix), &tickets).await })
        });
        let mut sum = Counted::default();
        for counted in try_join_all(workers).await? {
            sum.completed += counted.completed;
            sum.busy += counted.busy;
            for (status, count) in counted.failures {
                *sum.failures.entry(status).or_default() += count;
            }
            sum.examples.extend(counted.examples);
            sum.latencies.extend(counted.latencies);
        }
        sum.latencies.sort_unstable();
        Ok(sum)
    }

    async fn work(
        &self,
        worker: usize,
        begun: Instant,
        time: Duration,
        (pace, mix): (Pace, Mix),
        tickets: &AtomicU64,
    ) -> Counted {
        let mut random = fastrand::Rng::with_seed(worker as u64);
        let mut counted = Counted::default();
        loop {
            let due = match pace {
                Pace::Closed => Instant::now(),
                Pace::Open(interval) => {
                    let ticket = tickets.fetch_add(1, Ordering::SeqCst);
                    begun + interval * u32::try_from(ticket).unwrap_or(u32::MAX)
                }
            };
            if due.duration_since(begun) >= time {
                return counted;
            }
            tokio::time::sleep_until(due.into()).await;
            let (status, what) = self.one(mix, &mut random).await;
            let took = u32::try_from(due.elapsed().as_millis()).unwrap_or(u32::MAX);
            counted.completed += 1;
            counted.latencies.push(took);
            if status == BUSY {
                counted.busy += 1;
            } else if !(200..300).contains(&status) {
                *counted.failures.entry(status).or_default() += 1;
                if counted.examples.len() < 3 {
                    let at = begun.elapsed();
                    counted
                        .examples
                        .push(format!("{at:.1?}: {what}: {status} after {took} ms"));
                }
            }
        }
    }

    /// Sends one request of the mix and returns its status.
    async fn one(&self, mix: Mix, random: &mut fastrand::Rng) -> (u16, String) {
        let admin = self.admin().await;
        let user = random.choice(&self.users).map_or("", String::as_str);
        let at = random.usize(0..self.people.len());
        let client = {
            let person = self.people[at].lock().expect("a healthy lock");
            person.client.clone()
        };
        let roll = random.u32(match mix {
            Mix::Whole => 0..1_000,
            Mix::Reads => 0..800,
        });
        let request = match roll {
            0..=599 => admin.request(Method::GET, &user_path(user)),
            600..=799 => client.request(Method::GET, ME),
            800..=899 => admin.request(Method::GET, &format!("{USERS}?limit=20")),
            900..=969 => admin.patch_request(user, &json!({ "full_name": format!("N{roll}") })),
            970..=989 => return self.create_and_delete(&admin).await,
            _ => return (self.login(&self.people[at]).await, format!("POST {LOGIN}")),
        };
        let what = describe(&request);
        let reply = self.nobody.try_send(request).await;
        (reply.map_or(0, |reply| reply.status), what)
    }

    /// Signs a person in; further requests use the new session. The app ends the oldest sessions.
    async fn login(&self, person: &Mutex<Person>) -> u16 {
        let body = {
            let person = person.lock().expect("a healthy lock");
            json!({ "email": person.email, "password": person.password })
        };
        let request = self.nobody.request(Method::POST, LOGIN).json(&body);
        let Ok(reply) = self.nobody.try_send(request).await else {
            return 0;
        };
        if reply.status == 200 {
            let client = self.nobody.with_token(&access_token(&reply));
            person.lock().expect("a healthy lock").client = client;
        }
        match reply.status == 503 && reply.json()["code"] == "busy" {
            true => BUSY,
            false => reply.status,
        }
    }

    /// Creates and deletes a user, so that no data remains.
    async fn create_and_delete(&self, admin: &Client) -> (u16, String) {
        let create = admin.request(Method::POST, USERS).json(&new_user());
        let what = describe(&create);
        match self.nobody.try_send(create).await {
            Ok(reply) if reply.status == 201 => {
                let path = user_path(id(&reply.json()));
                let delete = admin.request(Method::DELETE, &path);
                let reply = self.nobody.try_send(delete).await;
                (
                    reply.map_or(0, |reply| reply.status),
                    format!("DELETE {path}"),
                )
            }
            Ok(reply) => (reply.status, what),
            Err(_) => (0, what),
        }
    }

    /// Returns the administrator's client. One worker renews its session, while the others
    /// continue with the previous token.
    async fn admin(&self) -> Client {
        let client = {
            let mut admin = self.admin.lock().expect("a healthy lock");
            if admin.1.elapsed() < TOKEN_AGE {
                return admin.0.clone();
            }
            admin.1 = Instant::now();
            admin.0.clone()
        };
        let reply = self.nobody.login(ADMIN_EMAIL, ADMIN_PASSWORD).await;
        let client = client.with_token(&access_token(&reply.expect(200)));
        self.admin.lock().expect("a healthy lock").0 = client.clone();
        client
    }
}

fn describe(request: &RequestBuilder) -> String {
    let request = request.try_clone().and_then(|request| request.build().ok());
    request.map_or_else(String::new, |request| {
        format!("{} {}", request.method(), request.url().path())
    })
}
