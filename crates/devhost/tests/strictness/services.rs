//! The same with real servers: the type table, database errors, held connections, Redis.

use std::path::Path;

use devservices::{Postgres, PostgresOptions, Redis, RedisOptions};

use crate::host::{Host, manifest};

/// Column type, an expression, and the value for the component; `None` is an `unsupported` value.
const RESULTS: [(&str, &str, Option<&str>); 24] = [
    ("Boolean", "true", Some("Boolean(true)")),
    ("Int16", "1::int2", Some("Int16(1)")),
    ("Int32", "1::int4", Some("Int32(1)")),
    ("Int64", "1::int8", Some("Int64(1)")),
    ("Floating32", "1.5::float4", Some("Floating32(1.5)")),
    ("Floating64", "1.5::float8", Some("Floating64(1.5)")),
    ("Str", "'a'::text", Some("Str(\"a\")")),
    ("Str", "'a'::varchar", Some("Str(\"a\")")),
    ("Str", "'a'::char(2)", Some("Str(\"a \")")),
    ("Binary", "'\\x01ff'::bytea", Some("Binary([1, 255])")),
    ("Date", "'2026-02-03'::date", Some("Date((2026, 2, 3))")),
    (
        "Time",
        "'04:05:06.5'::time",
        Some("Time((4, 5, 6, 500000000))"),
    ),
    (
        "Datetime",
        "'2026-02-03 04:05:06'::timestamp",
        Some("Datetime((2026, 2, 3, 4, 5, 6, 0))"),
    ),
    (
        "Uuid",
        "'0198C0A0-0000-7000-8000-000000000000'::uuid",
        Some("Uuid(\"0198c0a0-0000-7000-8000-000000000000\")"),
    ),
    (
        "Jsonb",
        "'{\"a\": 1}'::jsonb",
        Some("Jsonb([123, 34, 97, 34, 58, 49, 125])"),
    ),
    (
        "ArrayInt32",
        "array[1, null]",
        Some("ArrayInt32([Some(1), None])"),
    ),
    ("ArrayStr", "array['a']", Some("ArrayStr([Some(\"a\")])")),
    ("Str", "null::text", Some("DbNull")),
    ("Other(\"json\")", "'1'::json", None),
    ("Other(\"inet\")", "'127.0.0.1'::inet", None),
    ("Other(\"_uuid\")", "array[gen_random_uuid()]", None),
    ("Other(\"timetz\")", "'04:05:06+00'::timetz", None),
    ("Other(\"mood\")", "'glad'::mood", None),
    ("Other(\"name\")", "current_user", None),
];

fn address(server: &Postgres) -> String {
    let (host, port, user) = (server.host(), server.port(), server.user());
    let password = server.password();
    format!(
        "host={host} port={port} user={user} password='{password}' dbname=postgres sslmode=disable"
    )
}

fn start(variable: &str, value: &str, allowed: &str) -> Host {
    let declared = format!(
        "allowed_outbound_hosts = [{allowed:?}]\n\
         [component.guest.variables]\n{variable} = \"{{{{ {variable} }}}}\"\n\
         [variables]\n{variable} = {{ required = true }}\n"
    );
    Host::start(
        &manifest(&declared),
        &["--variable", &format!("{variable}={value}")],
    )
}

/// Starts Postgres in a folder, and a host whose guest may connect to it.
fn start_with_postgres(dir: &Path) -> (Postgres, Host) {
    let server = Postgres::start(dir, PostgresOptions { durable: false }).unwrap();
    let allowed = format!("postgres://{}:{}", server.host(), server.port());
    let host = start("database", &address(&server), &allowed);
    (server, host)
}

#[tokio::test]
async fn postgres_behaves_as_on_spin() {
    let dir = tempfile::tempdir().unwrap();
    let (mut server, host) = start_with_postgres(dir.path());
    let query = async |statement: &str| host.call_guest("postgres-query", statement).await;

    // Without a row there are no columns.
    assert_eq!(
        query("create type mood as enum ('glad')").await,
        "[]\nOk(())"
    );
    for (kind, expression, value) in RESULTS {
        let response = query(&format!("select {expression} as c")).await;
        let lines: Vec<_> = response.lines().collect();
        let [column, row, end] = lines.as_slice() else {
            panic!("{expression}: {response}");
        };
        let expected = format!("data-type: DbDataType::{kind} }}]");
        assert!(column.ends_with(&expected), "{expression}: {column}");
        match value {
            Some(value) => assert_eq!(*row, format!("DbValue::{value}"), "{expression}"),
            None => assert!(
                row.starts_with("DbValue::Unsupported("),
                "{expression}: {row}"
            ),
        }
        assert_eq!(*end, "Ok(())");
    }

    for (kind, expression) in [
        ("numeric", "1.50::numeric"),
        ("int4range", "int4range(1, 3)"),
        ("interval", "'1 month'::interval"),
    ] {
        let response = query(&format!("select {expression} as c")).await;
        let reason = format!("devhost has no values of the type {kind}");
        assert!(response.contains(&reason), "{response}");
    }

    let zoned = query("select now()").await;
    assert!(zoned.contains("QueryFailed(QueryError::Text("), "{zoned}");
    assert!(zoned.contains("the Postgres type `timestamptz`"), "{zoned}");

    query("create table t (a int constraint t_a_key unique)").await;
    assert_eq!(query("insert into t values (1)").await, "[]\nOk(())");
    let twice = query("insert into t values (1) returning a").await;
    assert!(
        twice.starts_with("[]\nErr("),
        "an error of execution is in the end: {twice}"
    );
    assert!(
        twice.contains("code: \"23505\"") && twice.contains("(\"constraint\", \"t_a_key\")"),
        "{twice}"
    );
    let wrong = query("selec 1").await;
    assert!(
        wrong.starts_with("query: ") && wrong.contains("code: \"42601\""),
        "{wrong}"
    );

    // The pool cleans clients between borrowers, and replaces dead ones.
    query("set search_path to nowhere").await;
    assert!(!query("show search_path").await.contains("nowhere"));
    server.restart().unwrap();
    assert!(query("select 1 as c").await.contains("DbValue::Int32(1)"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_held_connection_stays_dead_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let (mut server, mut host) = start_with_postgres(dir.path());
    // Keeps the instance alive while the server restarts.
    let busy = tokio::spawn(host.request("/", "sleep", "60000").send());
    assert!(host.next_line().contains("sleeping"));
    let held = async |statement: &str| host.call_guest("postgres-held", statement).await;

    // It is the same session each time.
    held("set search_path to somewhere").await;
    assert!(held("show search_path").await.contains("somewhere"));
    server.restart().unwrap();
    let dead = held("select 1").await;
    assert!(
        dead.contains("QueryFailed(QueryError::Text(") && dead.contains("Closed"),
        "{dead}"
    );
    busy.abort();
}

#[tokio::test]
async fn redis_behaves_as_on_spin() {
    let dir = tempfile::tempdir().unwrap();
    let password = Some("secret".to_owned());
    let server = Redis::start(dir.path(), RedisOptions { password }).unwrap();
    let allowed = format!("redis://{}:{}", server.host(), server.port());
    let host = start("redis", &server.url(), &allowed);
    let execute = async |line: &str| host.call_guest("redis-execute", line).await;

    assert_eq!(
        execute("SET k v EX 100").await,
        "Ok([RedisResult::Status(\"OK\")])"
    );
    assert_eq!(execute("GET k").await, "Ok([RedisResult::Binary([118])])");
    assert_eq!(execute("GET none").await, "Ok([RedisResult::Nil])");
    assert_eq!(execute("INCR n").await, "Ok([RedisResult::Int64(1)])");
    assert_eq!(
        execute("EVAL return{1,{'a',{7}}} 0").await,
        "Ok([RedisResult::Int64(1), RedisResult::Binary([97]), RedisResult::Int64(7)])"
    );
    let wrong = execute("INCR k").await;
    assert!(
        wrong.starts_with("Err(Error::Other(") && wrong.contains("not an integer"),
        "{wrong}"
    );
    let script = execute("EVALSHA 0000000000000000000000000000000000000000 0").await;
    assert!(
        script.starts_with("Err(Error::Other(") && script.contains("No matching script"),
        "{script}"
    );
}
