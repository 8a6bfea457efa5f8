//! Requests that are sent.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use clap::ValueEnum;
use fastrand::Rng;

use crate::http::Request;

pub const USERS: &str = "/api/v1/users";
pub const LOGIN: &str = "/api/v1/auth/login";
pub const LIVE: &str = "/api/v1/health/live";
pub const READY: &str = "/api/v1/health/ready";
/// Users that are read repeatedly, all of them in the cache.
const CACHED: u64 = 100;
/// Users that are changed: enough that two changes rarely meet in one row.
const CHANGED: u64 = 10_000;

/// A kind of request, or a mix of them.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, ValueEnum)]
pub enum Workload {
    /// GET health/live: the host, and the shell of a component.
    Live,
    /// GET one of 100 users, which are cached.
    Get,
    /// The same under a rate limit that is never reached.
    GetLimited,
    /// GET users that are not cached.
    GetUncached,
    /// GET the first 20 users.
    List,
    /// PATCH the name of one of 10,000 users.
    Patch,
    /// POST a user without a password.
    Create,
    /// POST auth/login with the right password.
    Login,
    /// 90 % get, 6 % patch, 3 % create, 1 % login.
    Mix,
    /// Reads alone and beside logins.
    ReadsUnderLogins,
    /// Refused logins of known and of unknown accounts, in turn.
    SignInTiming,
}

impl Workload {
    pub fn name(self) -> String {
        match self.to_possible_value() {
            Some(value) => value.get_name().to_owned(),
            None => String::new(),
        }
    }

    /// False when the workload is a scenario of its own (`scenarios`).
    pub fn is_load(self) -> bool {
        !matches!(self, Self::ReadsUnderLogins | Self::SignInTiming)
    }

    /// Default connections of closed loops.
    pub fn connections(self) -> &'static [usize] {
        match self {
            Self::Live | Self::Get | Self::Mix => &[1, 32, 256, 1024],
            Self::Login => &[1, 32],
            _ => &[1, 32, 256],
        }
    }

    /// True when it is measured in an open loop, too.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Get | Self::Mix)
    }
}

/// Users that the requests to a target are about.
#[derive(Debug)]
pub struct Population {
    /// Paths of existing users; the first hundred are the cached ones.
    pub users: Users,
    /// Emails of accounts that log in.
    pub accounts: Vec<String>,
    /// Password of those accounts.
    pub password: String,
    /// Part of emails that are made up.
    pub run: String,
}

/// Users that can be read.
#[derive(Debug)]
pub enum Users {
    /// Number of users with consecutive ids (see `seeded_id`).
    Seeded(u64),
    /// Ids of users that were created through the API.
    Created(Vec<String>),
}

impl Users {
    fn count(&self) -> u64 {
        match self {
            Self::Seeded(count) => *count,
            Self::Created(ids) => ids.len() as u64,
        }
    }

    fn path(&self, number: u64) -> String {
        let number = number % self.count().max(1);
        match self {
            Self::Seeded(_) => format!("{USERS}/{}", seeded_id(number)),
            Self::Created(ids) => {
                let index = usize::try_from(number).unwrap_or_default();
                format!("{USERS}/{}", ids.get(index).map_or("", String::as_str))
            }
        }
    }
}

/// Returns the id of the user with this number; `cargo xtask bench` writes the same into the database.
pub fn seeded_id(number: u64) -> String {
    format!("01900000-0000-7000-8000-{number:012x}")
}

/// Generates the requests to one target.
#[derive(Debug)]
pub struct Traffic {
    pub authority: Arc<str>,
    /// Token of an admin.
    pub token: String,
    pub population: Arc<Population>,
    /// Path of `live`.
    pub live: String,
    /// Counts created users, and users that were read past the cache.
    pub counter: Arc<AtomicU64>,
}

impl Traffic {
    /// Replaces the contents of `message` with the next request of `workload`.
    pub fn write(&self, workload: Workload, random: &mut Rng, message: &mut Vec<u8>) {
        match workload {
            Workload::Live => {
                let request = Request {
                    method: "GET",
                    path: &self.live,
                    authority: &self.authority,
                    bearer: None,
                    body: None,
                };
                request.write(message);
            }
            Workload::Get | Workload::GetLimited | Workload::ReadsUnderLogins => {
                self.get(random.u64(..CACHED), message);
            }
            Workload::GetUncached => self.get(self.next(), message),
            Workload::List => self.request("GET", &format!("{USERS}?limit=20"), None, message),
            Workload::Patch => {
                let path = self.population.users.path(random.u64(..CHANGED));
                let body = format!(r#"{{"full_name":"Name {}"}}"#, random.u32(..));
                self.request("PATCH", &path, Some(&body), message);
            }
            Workload::Create => {
                let (run, number) = (&self.population.run, self.next());
                let body = format!(
                    r#"{{"email":"new-{run}-{number}@example.com","full_name":"New User"}}"#
                );
                self.request("POST", USERS, Some(&body), message);
            }
            Workload::Login | Workload::SignInTiming => {
                let email = random.choice(&self.population.accounts);
                let email = email.map(String::as_str).unwrap_or_default();
                self.login(email, &self.population.password, message);
            }
            Workload::Mix => self.write(mixed(random.u8(..100)), random, message),
        }
    }

    /// Writes a login with this password.
    pub fn login(&self, email: &str, password: &str, message: &mut Vec<u8>) {
        let body = serde_json::json!({ "email": email, "password": password }).to_string();
        let request = Request {
            method: "POST",
            path: LOGIN,
            authority: &self.authority,
            bearer: None,
            body: Some(&body),
        };
        request.write(message);
    }

    fn get(&self, number: u64, message: &mut Vec<u8>) {
        self.request("GET", &self.population.users.path(number), None, message);
    }

    fn next(&self) -> u64 {
        self.counter.fetch_add(1, Ordering::Relaxed)
    }

    fn request(&self, method: &'static str, path: &str, body: Option<&str>, out: &mut Vec<u8>) {
        let request = Request {
            method,
            path,
            authority: &self.authority,
            bearer: Some(&self.token),
            body,
        };
        request.write(out);
    }
}

/// Returns the kind of request for a number below 100.
fn mixed(number: u8) -> Workload {
    match number {
        0..90 => Workload::Get,
        90..96 => Workload::Patch,
        96..99 => Workload::Create,
        _ => Workload::Login,
    }
}

#[cfg(test)]
mod tests {
    use super::{Users, Workload, mixed, seeded_id};

    #[test]
    fn the_mix_is_nine_tenths_reads_and_one_hundredth_logins() {
        let of = |kind| (0..100).filter(|number| mixed(*number) == kind).count();
        assert_eq!(of(Workload::Get), 90);
        assert_eq!(of(Workload::Patch) + of(Workload::Create), 9);
        assert_eq!(of(Workload::Login), 1);
    }

    #[test]
    fn user_numbers_wrap_around_after_the_last_user() {
        assert_eq!(seeded_id(255), "01900000-0000-7000-8000-0000000000ff");
        let seeded = Users::Seeded(10);
        assert_eq!(seeded.path(13), format!("/api/v1/users/{}", seeded_id(3)));
        let created = Users::Created(vec!["a".to_owned(), "b".to_owned()]);
        assert_eq!(created.path(3), "/api/v1/users/b");
    }
}
