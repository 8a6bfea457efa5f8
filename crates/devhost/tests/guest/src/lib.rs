//! A component whose actions each do one thing that a host must allow or reject.
//!
//! The header `x-action` names the action and `x-argument` its argument; the response is plain text.

#![cfg(target_arch = "wasm32")]
#![allow(
    clippy::disallowed_methods,
    reason = "it tries the host's interfaces as they are"
)]
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    reason = "to panic is one of the actions"
)]

use std::cell::RefCell;
use std::fmt::Write;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use spin_sdk::http::{EmptyBody, Request, send};
use spin_sdk::pg::Connection as Postgres;
use spin_sdk::redis::{Connection as Redis, RedisParameter};
use spin_sdk::{http_service, time, variables};

/// Requests that this instance has received.
static USES: AtomicUsize = AtomicUsize::new(0);

#[http_service]
async fn handle(request: Request) -> anyhow::Result<String> {
    let uses = USES.fetch_add(1, Ordering::Relaxed) + 1;
    let header = |name: &str| {
        let value = request.headers().get(name);
        value
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    };
    let argument = header("x-argument");
    Ok(match header("x-action") {
        "uses" => uses.to_string(),
        "headers" => headers(&request),
        "uri" => request.uri().to_string(),
        "variable" => format!("{:?}", variables::get(argument).await),
        "print" => {
            println!("{argument}");
            String::new()
        }
        "sleep" => {
            println!("sleeping");
            time::sleep(Duration::from_millis(argument.parse()?)).await;
            "slept".to_owned()
        }
        "panic" => panic!("requested panic: {argument}"),
        "fail" => anyhow::bail!("requested error: {argument}"),
        "http" => outbound(argument).await,
        "postgres-open" => format!("{:?}", Postgres::open(argument).await.map(drop)),
        "postgres-query" => match open().await {
            Ok(connection) => query(&connection, argument).await,
            Err(error) => error,
        },
        "postgres-held" => match held().await {
            Ok(connection) => query(&connection, argument).await,
            Err(error) => error,
        },
        "redis-open" => format!("{:?}", Redis::open(argument).await.map(drop)),
        "redis-execute" => execute(argument).await,
        other => format!("unknown action: {other:?}"),
    })
}

fn headers(request: &Request) -> String {
    let mut text = String::new();
    for (name, value) in request.headers() {
        let _ = writeln!(
            text,
            "{name}: {}",
            String::from_utf8_lossy(value.as_bytes())
        );
    }
    text
}

async fn outbound(url: &str) -> String {
    let request = match Request::get(url).body(EmptyBody::new()) {
        Ok(request) => request,
        Err(error) => return format!("Err({error})"),
    };
    let sent = send(request).await;
    format!("{:?}", sent.map(|response| response.status()))
}

/// Opens a connection to the database that the variable `database` names.
async fn open() -> Result<Postgres, String> {
    let address = variables::get("database").await.unwrap_or_default();
    Postgres::open(address)
        .await
        .map_err(|error| format!("open: {error:?}"))
}

thread_local! {
    static HELD: RefCell<Option<Rc<Postgres>>> = const { RefCell::new(None) };
}

/// The connection that this instance keeps, dead or alive.
async fn held() -> Result<Rc<Postgres>, String> {
    if let Some(connection) = HELD.with_borrow(Clone::clone) {
        return Ok(connection);
    }
    let connection = Rc::new(open().await?);
    HELD.set(Some(connection.clone()));
    Ok(connection)
}

/// Runs a statement; returns the columns, the first value of each row, and the outcome.
async fn query(connection: &Postgres, statement: &str) -> String {
    let mut rows = match connection.query(statement, []).await {
        Ok(rows) => rows,
        Err(error) => return format!("query: {error:?}"),
    };
    let mut text = format!("{:?}\n", rows.columns());
    while let Some(row) = rows.next().await {
        let _ = writeln!(text, "{:?}", row[0]);
    }
    let _ = write!(text, "{:?}", rows.result().await);
    text
}

/// Runs the words of a line as a command on the Redis that the variable `redis` names.
async fn execute(line: &str) -> String {
    let address = variables::get("redis").await.unwrap_or_default();
    let connection = match Redis::open(address).await {
        Ok(connection) => connection,
        Err(error) => return format!("open: {error:?}"),
    };
    let mut words = line.split(' ');
    let command = words.next().unwrap_or_default();
    let arguments: Vec<_> = words
        .map(|word| RedisParameter::Binary(word.as_bytes().to_vec()))
        .collect();
    format!("{:?}", connection.execute(command, arguments).await)
}
