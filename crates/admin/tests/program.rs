//! The program against a real Postgres, with a database per test.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::io::Write;
use std::process::{Command, Output, Stdio};

use roster_admin::{connect, random_password};
use spin_pg_bindings::postgres::Database;
use url::Url;

const PASSWORD: &str = "correct horse battery";

/// Runs the program without variables of the caller, and with this standard input.
fn run(database: Option<&str>, arguments: &[&str], input: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_roster-admin"));
    command.args(arguments).env_clear();
    if let Some(url) = database {
        command.env("ROSTER_DATABASE_URL", url);
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    // A program that reads nothing may have ended.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

/// Returns standard output and standard error.
#[track_caller]
fn expect(output: &Output, code: i32) -> (String, String) {
    assert_eq!(output.status.code(), Some(code), "{output:?}");
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (text(&output.stdout), text(&output.stderr))
}

/// A new database without migrations; `None` without a server.
async fn empty_database() -> Option<String> {
    let server = devservices::provided("ROSTER_DATABASE_URL")?;
    let name = format!("empty_{}", random_password().unwrap());
    let sql = format!("CREATE DATABASE \"{name}\"");
    connect(&server).await.unwrap().batch(&sql).await.unwrap();
    let mut url = Url::parse(&server).unwrap();
    url.set_path(&name);
    Some(url.into())
}

async fn migrated_database() -> Option<String> {
    let server = devservices::provided("ROSTER_DATABASE_URL")?;
    Some(devservices::create_database(&server).await.unwrap())
}

#[test]
fn help_shows_the_commands_and_no_value_of_the_database_variable() {
    let url = "postgres://owner:s3cret@127.0.0.1/a";
    for arguments in [&["--help"][..], &["users", "create", "--help"]] {
        let (out, _) = expect(&run(Some(url), arguments, ""), 0);
        assert!(out.contains("ROSTER_DATABASE_URL"), "{out}");
        assert!(!out.contains("s3cret"), "{out}");
    }
    let (out, _) = expect(&run(None, &["--help"], ""), 0);
    for part in ["migrate", "users", "sweep", "Exit codes"] {
        assert!(out.contains(part), "{out}");
    }
    let (out, _) = expect(&run(None, &["--version"], ""), 0);
    assert_eq!(
        out,
        concat!("roster-admin ", env!("CARGO_PKG_VERSION"), "\n")
    );
}

#[test]
fn a_failure_does_not_show_the_url() {
    let (_, missing) = expect(&run(None, &["migrate"], ""), 1);
    assert!(missing.contains("ROSTER_DATABASE_URL"), "{missing}");
    // Port 1 has no server.
    for url in ["s3cret", "postgres://owner:s3cret@127.0.0.1:1/a"] {
        for arguments in [&["migrate"][..], &["users", "list"], &["sweep"]] {
            let (_, error) = expect(&run(Some(url), arguments, ""), 1);
            assert!(error.starts_with("error: "), "{error}");
            assert!(!error.contains("s3cret"), "{error}");
        }
    }
}

#[test]
fn a_new_user_requires_a_role_and_a_user_without_privileges_a_name() {
    let create = ["users", "create", "--email", "a@example.com"];
    for (rest, missing) in [
        (&[][..], "--role"),
        (&["--role", "king"], "--role"),
        (&["--role", "user"], "--full-name"),
    ] {
        let (_, error) = expect(&run(None, &[&create, rest].concat(), ""), 2);
        assert!(error.contains(missing), "{error}");
    }
}

#[tokio::test]
async fn a_check_fails_until_every_migration_is_applied() {
    let Some(url) = empty_database().await else {
        return;
    };
    let url = Some(url.as_str());
    let check = || run(url, &["migrate", "--check"], "");
    let (out, error) = expect(&check(), 1);
    let total = out.lines().count();
    assert!(out.lines().all(|line| line.ends_with(" pending")), "{out}");
    assert!(error.contains("migrations are pending"), "{error}");
    let (_, error) = expect(&run(url, &["users", "list"], ""), 1);
    assert!(error.contains("`roster-admin migrate`"), "{error}");

    let (_, report) = expect(&run(url, &["migrate"], ""), 0);
    assert_eq!(
        report,
        format!("{total} of {total} migrations applied now\n")
    );
    let (out, _) = expect(&check(), 0);
    assert!(out.lines().all(|line| line.ends_with(" applied")), "{out}");
}

#[tokio::test]
async fn a_user_is_created_and_listed_and_gets_a_reset_token() {
    let Some(url) = migrated_database().await else {
        return;
    };
    let users = |line: &str, input: &str| {
        let arguments: Vec<&str> = ["users"].into_iter().chain(line.split(' ')).collect();
        run(Some(&url), &arguments, input)
    };
    let create = "create --role admin --email Ada@example.com --password-stdin";
    let (_, weak) = expect(&users(create, "short\n"), 1);
    assert!(weak.contains("the password"), "{weak}");
    let (out, _) = expect(&users(create, &format!("{PASSWORD}\n")), 0);
    assert!(
        out.starts_with("Created admin ada@example.com with id "),
        "{out}"
    );
    assert_eq!(out.lines().count(), 1, "{out}");
    let (_, taken) = expect(&users(create, PASSWORD), 1);
    assert!(taken.contains("already exists"), "{taken}");

    let create = "create --role user --email bob@example.com --full-name Bob";
    let (out, _) = expect(&users(create, ""), 0);
    assert_eq!(out.lines().last().unwrap().trim().len(), 24, "{out}");

    let (all, _) = expect(&users("list", ""), 0);
    assert_eq!(all.lines().count(), 3, "{all}");
    let (admins, _) = expect(&users("list --role admin", ""), 0);
    assert_eq!(admins.lines().count(), 2, "{admins}");
    assert!(admins.ends_with("ada@example.com\n"), "{admins}");

    let (out, _) = expect(&users("reset-password bob@example.com", ""), 0);
    assert!(out.contains("TOKEN="), "{out}");
    assert!(out.contains("http://127.0.0.1:3000/api"), "{out}");
    let (_, unknown) = expect(&users("reset-password eve@example.com", ""), 1);
    assert!(unknown.contains("no user has this email"), "{unknown}");

    let database = connect(&url).await.unwrap();
    let sql = "SELECT action FROM audit WHERE request_id LIKE 'roster-admin-%' ORDER BY at, id";
    let rows = database.read(sql, Vec::new()).await.unwrap();
    let actions: Vec<String> = rows.iter().map(|row| row.get("action").unwrap()).collect();
    assert_eq!(
        actions,
        ["user_created", "user_created", "reset_token_created"]
    );
}

#[tokio::test]
async fn a_sweep_deletes_audit_rows_beyond_their_retention() {
    let Some(url) = migrated_database().await else {
        return;
    };
    let database = connect(&url).await.unwrap();
    let sql = "INSERT INTO audit (action, request_id, at) VALUES
               ('login_failed', 'old', now() - interval '400 days'), ('login_failed', 'new', now())";
    database.batch(sql).await.unwrap();
    for (days, deleted) in [("0", 0), ("500", 0), ("365", 1), ("365", 0)] {
        let output = run(Some(&url), &["sweep", "--audit-retention-days", days], "");
        let (_, report) = expect(&output, 0);
        assert_eq!(report, format!("{deleted} rows deleted\n"), "{days} days");
    }
}
