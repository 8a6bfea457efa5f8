//! Who and what the scenarios ask for: users of this run, made before anything is measured.

use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::client::{Call, Connection, Target};

pub const USERS: &str = "/api/v1/users";
const LOGIN: &str = "/api/v1/auth/login";
const PASSWORD: &str = "correct horse of the bench";
/// Accounts that log in: one for each connection that does.
const ACCOUNTS: usize = 32;
/// Users more, so that a page of the list is full.
const OTHERS: usize = 68;
/// How often a request is sent again that found no free slot for a hash.
const ATTEMPTS: usize = 100;

/// An admin's token, and users.
pub struct Setup {
    pub token: String,
    /// The path of one user.
    pub user: String,
    /// Emails with [`PASSWORD`].
    pub known: Vec<String>,
    /// As many of the same form that nobody has.
    pub unknown: Vec<String>,
}

impl Setup {
    /// Logs in as the admin and creates the users.
    pub async fn prepare(target: &Target, email: &str, password: &str) -> Result<Self> {
        let mut connection = Connection::new(target);
        let tokens = expect(&mut connection, &login(email, password), 200).await?;
        let tokens = tokens.context("logging in as the admin")?;
        let token = text(&tokens, "access_token")?;
        let run = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)?
            .as_micros();
        let name = |kind: &str, n: usize| format!("bench-{run}-{kind}-{n:02}@example.com");
        let mut setup = Self {
            token,
            user: String::new(),
            known: (0..ACCOUNTS).map(|n| name("known", n)).collect(),
            unknown: (0..ACCOUNTS).map(|n| name("nobody", n)).collect(),
        };
        let others = (0..OTHERS).map(|n| (name("other", n), None));
        let known = setup
            .known
            .iter()
            .map(|email| (email.clone(), Some(PASSWORD)));
        for (email, password) in others.chain(known) {
            // No password is the same as none given.
            let body = json!({ "email": email, "full_name": "Bench User", "password": password });
            let create = Call::post(USERS, Some(&setup.token), &body);
            let user = expect(&mut connection, &create, 201).await?;
            let user = user.with_context(|| format!("creating {email}"))?;
            setup.user = format!("{USERS}/{}", text(&user, "id")?);
        }
        Ok(setup)
    }
}

pub fn login(email: &str, password: &str) -> Call {
    Call::post(
        LOGIN,
        None,
        &json!({ "email": email, "password": password }),
    )
}

/// A login that succeeds.
pub fn right_login(email: &str) -> Call {
    login(email, PASSWORD)
}

/// The JSON of an answer with this status; the inner error says which other one came.
async fn expect(connection: &mut Connection, call: &Call, status: u16) -> Result<Result<Value>> {
    for _ in 0..ATTEMPTS {
        let answer = connection.send(call).await?;
        match answer.status.as_u16() {
            found if found == status => return Ok(Ok(serde_json::from_slice(&answer.body)?)),
            503 => tokio::time::sleep(Duration::from_millis(100)).await,
            other => {
                let body = String::from_utf8_lossy(&answer.body).into_owned();
                return Ok(Err(anyhow::anyhow!("answered {other}: {body}")));
            }
        }
    }
    bail!("still 503 after {ATTEMPTS} attempts")
}

fn text(value: &Value, name: &str) -> Result<String> {
    let text = value.get(name).and_then(Value::as_str);
    text.map(str::to_owned)
        .with_context(|| format!("the answer has no {name}"))
}
