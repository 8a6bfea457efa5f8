//! A target during a run: its processes, and the logged-in account.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, ensure};

use crate::client::{Connection, authority};
use crate::http::Request;
use crate::plan::{Data, Planned};
use crate::report::data::{Role, Target};
use crate::target::{Running, Session, flush};
use crate::workload::{LIVE, Population, Traffic, USERS, Users, Workload};

/// A limit that no measurement reaches: the app's maximum, in its shortest window.
const LIMITED: [(&str, &str); 2] = [
    ("SPIN_VARIABLE_RATE_LIMIT_REQUESTS", "1000000"),
    ("SPIN_VARIABLE_RATE_LIMIT_WINDOW_SECONDS", "1"),
];
const ACCOUNTS: usize = 32;
const OTHERS: usize = 68;

/// A target of this run.
struct Own {
    planned: Planned,
    running: Running,
    /// Process with a rate limit, started on demand.
    limited: Option<Running>,
}

/// One target.
pub struct Subject {
    /// Its part of the report.
    pub about: Target,
    session: Session,
    server: Server,
}

enum Server {
    /// Started by this run.
    Own(Box<Own>),
    /// Running before the run.
    Foreign(Arc<str>),
}

impl Subject {
    /// Starts a target.
    pub async fn start(planned: &Planned) -> Result<Self> {
        let running = Running::start(planned, &[]).await?;
        Ok(Self {
            about: Target {
                name: planned.name.clone(),
                role: planned.role,
                host: planned.host.clone(),
                shipped: planned.shipped.clone(),
                cold: None,
                memory: None,
            },
            session: Session::seeded(planned.data.as_ref(), &unique()?),
            server: Server::Own(Box::new(Own {
                planned: planned.clone(),
                running,
                limited: None,
            })),
        })
    }

    /// Uses the app at `url`, with users that its admin creates now.
    pub async fn foreign(url: &str, email: &str, password: &str) -> Result<Self> {
        let authority = authority(url)?;
        let run = unique()?;
        let mut population = Population {
            users: Users::Created(Vec::new()),
            accounts: Vec::new(),
            password: password.to_owned(),
            run: run.clone(),
        };
        let mut session = Session::new(population, email);
        let traffic = session.traffic(&authority, LIVE).await?;
        let mut connection = Connection::new(&authority);
        let (mut ids, mut accounts) = (Vec::new(), Vec::new());
        for number in 0..ACCOUNTS + OTHERS {
            let email = format!("bench-{run}-{number}@example.com");
            // Accounts have the admin's password, so that one is enough for a run.
            let account = (number < ACCOUNTS).then_some(password);
            ids.push(create(&mut connection, &traffic, &email, account).await?);
            accounts.extend(account.map(|_| email));
        }
        population = Population {
            users: Users::Created(ids),
            accounts,
            password: password.to_owned(),
            run,
        };
        Ok(Self {
            about: Target {
                name: "app".to_owned(),
                role: Role::Roster,
                host: "url".to_owned(),
                shipped: Default::default(),
                cold: None,
                memory: None,
            },
            session: Session::new(population, email),
            server: Server::Foreign(authority),
        })
    }

    /// Runs the script that checks the target against the contract of the bench.
    pub fn check(&self, script: &Path, data: &Data) -> Result<()> {
        let authority = match &self.server {
            Server::Own(own) => &own.running.authority,
            Server::Foreign(authority) => authority,
        };
        let output = Command::new("python3")
            .arg(script)
            .arg(format!("http://{authority}"))
            .env("ROSTER_ADMIN_EMAIL", &data.admin_email)
            .env("ROSTER_ADMIN_PASSWORD", &data.password)
            .output()
            .context("cannot run python3")?;
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&text);
        ensure!(
            output.status.success(),
            "the target violates the contract: {}",
            text.trim()
        );
        Ok(())
    }

    /// Returns the reason for which `workload` cannot be measured on this target.
    pub fn unsupported_reason(&self, workload: Workload) -> Option<&'static str> {
        let is_own = matches!(self.server, Server::Own(..));
        match workload {
            Workload::Live => None,
            _ if self.about.role == Role::Floor => Some("the target serves a single response"),
            Workload::GetUncached if !is_own => {
                Some("the cache of a foreign target cannot be emptied")
            }
            Workload::GetLimited if !is_own => {
                Some("the rate limit of a foreign target cannot be set")
            }
            _ => None,
        }
    }

    /// Returns the request generator of `workload`, and the root of the processes that serve it.
    pub async fn prepare(&mut self, workload: Workload) -> Result<(Arc<Traffic>, Option<u32>)> {
        let (authority, live, root) = match &mut self.server {
            Server::Foreign(authority) => (authority.clone(), LIVE.to_owned(), None),
            Server::Own(own) => {
                let Own {
                    planned,
                    running,
                    limited,
                } = &mut **own;
                let running = match (workload, limited) {
                    (Workload::GetLimited, Some(limited)) => limited,
                    (Workload::GetLimited, none) => {
                        none.insert(Running::start(planned, &LIMITED).await?)
                    }
                    _ => running,
                };
                if let (Workload::GetUncached, Some(data)) = (workload, &planned.data) {
                    flush(data).await?;
                }
                let live = running.live.clone();
                (running.authority.clone(), live, Some(running.id()))
            }
        };
        Ok((self.session.traffic(&authority, &live).await?, root))
    }

    /// Restarts the target and returns the time of the start; `None` when it was not started here.
    pub async fn restart(&mut self) -> Result<Option<Duration>> {
        let Server::Own(own) = &mut self.server else {
            return Ok(None);
        };
        own.limited = None;
        own.running.stop()?;
        own.running = Running::start(&own.planned, &[]).await?;
        Ok(Some(own.running.started_in))
    }

    /// Returns the time of its last start; `None` when it was not started here.
    pub fn started_in(&self) -> Option<Duration> {
        match &self.server {
            Server::Own(own) => Some(own.running.started_in),
            Server::Foreign(_) => None,
        }
    }

    /// Returns emails and the password of accounts that log in.
    pub fn population(&self) -> &Population {
        &self.session.population
    }
}

/// Creates a user and returns its id.
async fn create(
    connection: &mut Connection,
    traffic: &Traffic,
    email: &str,
    password: Option<&str>,
) -> Result<String> {
    // A password of `None` is the same as no member.
    let body = serde_json::json!({
        "email": email, "full_name": "Bench User", "password": password
    });
    let request = Request {
        method: "POST",
        path: USERS,
        authority: &traffic.authority,
        bearer: Some(&traffic.token),
        body: Some(&body.to_string()),
    };
    let mut status = 503;
    for _ in 0..ACCOUNTS {
        status = connection.request(&request).await?.status;
        if status != 503 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let body = String::from_utf8_lossy(connection.body()).into_owned();
    ensure!(
        status == 201,
        "creating {email} failed with status {status}: {body}"
    );
    let user = connection.json()?;
    let id = user.get("id").and_then(|id| id.as_str());
    Ok(id.context("the user has no id")?.to_owned())
}

/// Returns a word that no other run has.
fn unique() -> Result<String> {
    let time = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
    Ok(time.as_micros().to_string())
}
