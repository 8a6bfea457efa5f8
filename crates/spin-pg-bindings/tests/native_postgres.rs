//! `NativePostgres` against a real server: behavior that the SQL tests of the stores rely on.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a failed expectation fails the test"
)]

use serde_json::json;
use spin_pg_bindings::postgres::{Database, Error, FromRow, NativePostgres, Param, Row, Value};
use time::OffsetDateTime;
use uuid::Uuid;

async fn connect() -> NativePostgres {
    let url = devservices::provided_or_exit("ROSTER_DATABASE_URL");
    NativePostgres::connect(&url).await.unwrap()
}

/// Returns the row of `sql`, which selects its value as `v`.
async fn one(sql: &str, params: Vec<Param>) -> Result<Row, Error> {
    let mut rows = connect().await.read(sql, params).await?;
    Ok(rows.pop().expect("a row"))
}

#[tokio::test]
async fn parameters_are_returned_unchanged() {
    let time = OffsetDateTime::from_unix_timestamp_nanos(1_700_000_000_123_456_000).unwrap();
    let id = Uuid::now_v7();
    for (param, sql_type, expected) in [
        (Param::from(true), "boolean", Value::Bool(true)),
        (Param::from(-7_i16), "smallint", Value::Int16(-7)),
        (Param::from(-7_i32), "integer", Value::Int32(-7)),
        (Param::from(i64::MIN), "bigint", Value::Int64(i64::MIN)),
        (Param::from(0.1), "double precision", Value::Float64(0.1)),
        (Param::from("a'\\ü"), "text", Value::Text("a'\\ü".into())),
        (
            Param::from(vec![0_u8, 255]),
            "bytea",
            Value::Bytes(vec![0, 255]),
        ),
        (Param::from(id), "uuid", Value::Uuid(id)),
        (Param::from(time), "timestamp", Value::Timestamp(time)),
        (
            Param::from(json!({"a": [1]})),
            "jsonb",
            Value::Json(json!({"a": [1]})),
        ),
        (
            Param::from(vec![1_i64, 2]),
            "bigint[]",
            Value::Int64Array(vec![Some(1), Some(2)]),
        ),
        (
            Param::from(vec!["a".to_owned()]),
            "text[]",
            Value::TextArray(vec![Some("a".into())]),
        ),
        (Param::Null, "bigint", Value::Null),
    ] {
        let row = one(&format!("SELECT $1::{sql_type} AS v"), vec![param])
            .await
            .unwrap();
        assert_eq!(
            row,
            Row::new(["v".to_owned()].into(), vec![expected]),
            "{sql_type}"
        );
    }
}

#[tokio::test]
async fn a_time_with_an_offset_is_sent_in_utc() {
    let time = time::macros::datetime!(2026-01-01 01:30 +02:00);
    let row = one("SELECT $1::timestamp::text AS v", vec![time.into()])
        .await
        .unwrap();
    assert_eq!(row.get::<String>("v").unwrap(), "2025-12-31 23:30:00");
}

#[tokio::test]
async fn timestamptz_is_an_error_as_on_the_host() {
    let error = one("SELECT now() AS v", Vec::new()).await.unwrap_err();
    assert!(error.to_string().contains("timestamptz"), "{error}");
    one("SELECT NULL::timestamptz AS v", Vec::new())
        .await
        .unwrap_err();
}

#[tokio::test]
async fn other_types_are_unsupported() {
    for sql_type in ["inet", "numeric", "date", "json"] {
        let sql = format!("SELECT NULL::{sql_type} AS v, '1'::{sql_type} AS w");
        let sql = if sql_type == "inet" {
            sql.replace("'1'", "'::1'")
        } else {
            sql
        };
        let sql = if sql_type == "date" {
            sql.replace("'1'", "'2026-01-01'")
        } else {
            sql
        };
        let row = one(&sql, Vec::new()).await.unwrap();
        assert_eq!(row.get::<Option<i64>>("v").unwrap(), None);
        let error = row.get::<String>("w").unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("column w is {sql_type}, expected text")
        );
    }
}

#[tokio::test]
async fn mismatched_parameters_are_errors() {
    for params in [vec![Param::from(1_i32)], vec![Param::from("1")], Vec::new()] {
        let error = one("SELECT $1::bigint AS v", params).await.unwrap_err();
        assert!(matches!(error, Error::Parameter(_)), "{error}");
    }
}

#[tokio::test]
async fn a_rejected_statement_has_sqlstate_and_constraint() {
    let database = connect().await;
    database
        .batch("CREATE TEMP TABLE t (n bigint CONSTRAINT t_n_key UNIQUE)")
        .await
        .unwrap();
    let insert = "INSERT INTO t VALUES ($1) RETURNING n";
    database.write(insert, vec![1_i64.into()]).await.unwrap();
    let error = database
        .write(insert, vec![1_i64.into()])
        .await
        .unwrap_err();
    assert!(error.is_unique_violation());
    assert_eq!(error.constraint(), Some("t_n_key"));
    assert!(!error.is_unavailable());
}

#[tokio::test]
async fn a_terminated_connection_is_unavailable() {
    let (database, other) = (connect().await, connect().await);
    let rows = database
        .read("SELECT pg_backend_pid() AS pid", Vec::new())
        .await
        .unwrap();
    let pid: i32 = rows.first().unwrap().get("pid").unwrap();
    other
        .read("SELECT pg_terminate_backend($1, 5000)", vec![pid.into()])
        .await
        .unwrap();
    for _ in 0..2 {
        let error = database.read("SELECT 1", Vec::new()).await.unwrap_err();
        assert!(error.is_unavailable(), "{error}");
    }
}

struct Number(i64);

impl FromRow for Number {
    fn from_row(row: &Row) -> Result<Self, Error> {
        Ok(Self(row.get("n")?))
    }
}

#[tokio::test]
async fn rows_are_converted_to_values() {
    let database = connect().await;
    let database: &dyn Database = &database;
    let sql = "SELECT n FROM generate_series(1::bigint, $1) AS n";
    let numbers: Vec<Number> = database.read_as(sql, vec![3_i64.into()]).await.unwrap();
    assert_eq!(numbers.iter().map(|number| number.0).sum::<i64>(), 6);
    let first: Option<Number> = database.read_opt(sql, vec![3_i64.into()]).await.unwrap();
    assert_eq!(first.unwrap().0, 1);
    let none: Option<Number> = database.read_opt(sql, vec![0_i64.into()]).await.unwrap();
    assert!(none.is_none());
}
