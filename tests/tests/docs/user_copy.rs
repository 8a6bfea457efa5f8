//! examples/user-copy: the copy has exactly the users of the database, whatever is killed meanwhile.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use blackbox::artifact::root;
use blackbox::client::{USERS, user_path};
use blackbox::relay::Relay;
use blackbox::service_account::ServiceAccount;
use blackbox::stack::{Stack, eventually, needs_host};
use blackbox::{Client, new_user, unique};
use devservices::Process;
use reqwest::Method;
use serde_json::{Value, json};

use crate::service::installed;

const CHANGES: usize = 10_000;
const WORKERS: usize = 8;
const KILLS: usize = 20;
const LIMIT: Duration = Duration::from_secs(120);

/// The running example.
struct Copier {
    process: Process,
    command: Command,
}

impl Copier {
    fn start(url: &str, key: &str, file: &Path) -> Self {
        let mut command = Command::new(installed().join("bin/python"));
        command
            .arg(root().join("examples/user-copy/copy_users.py"))
            .arg(file)
            .env("ROSTER_URL", url)
            .env("ROSTER_KEY", key);
        let process = Process::spawn(&mut command, Duration::ZERO).expect("Python");
        Self { process, command }
    }

    fn kill_and_start_again(&mut self) {
        let ended = self.process.exit_status().expect("a process");
        assert!(ended.is_none(), "the example ended: {ended:?}");
        self.process.kill().expect("a kill");
        self.process = Process::spawn(&mut self.command, Duration::ZERO).expect("Python");
    }
}

/// Sends a request until it is acknowledged; a repeated one may find its effect.
async fn send(client: &Client, method: &Method, path: &str, body: &Value) -> Option<Value> {
    loop {
        let request = client.request(method.clone(), path).json(body);
        match client.try_send(request).await {
            Ok(reply) if reply.status < 300 => {
                return Some(serde_json::from_slice(&reply.body).unwrap_or_default());
            }
            Ok(reply) if reply.status < 500 => return None,
            _ => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

/// Creates, changes and deletes users of its own until all workers have made enough changes.
async fn change(client: Client, done: Arc<AtomicUsize>) {
    let mut ids: Vec<String> = Vec::new();
    for step in 0.. {
        let id = ids.get(step % ids.len().max(1)).cloned();
        let changed = match (step % 5, id) {
            (0 | 1, _) | (_, None) => {
                let created = send(&client, &Method::POST, USERS, &new_user()).await;
                let id = created.as_ref().and_then(|user| user["id"].as_str());
                ids.extend(id.map(str::to_owned));
                created
            }
            (2, Some(id)) => {
                let email = json!({ "email": format!("{}@example.com", unique()) });
                send(&client, &Method::PATCH, &user_path(&id), &email).await
            }
            (3, Some(id)) => {
                let patch = json!({ "full_name": unique(), "is_active": step % 2 == 0 });
                send(&client, &Method::PATCH, &user_path(&id), &patch).await
            }
            (_, Some(id)) => {
                ids.retain(|known| *known != id);
                send(&client, &Method::DELETE, &user_path(&id), &json!({})).await
            }
        };
        let count = done.fetch_add(usize::from(changed.is_some()), Ordering::SeqCst);
        if count >= CHANGES {
            return;
        }
    }
}

type User = (String, String, String, String, bool);

fn copied(file: &Path) -> BTreeSet<User> {
    let script = "import json, sqlite3, sys\n\
        database = sqlite3.connect(sys.argv[1])\n\
        print(json.dumps(database.execute('SELECT * FROM users').fetchall()))";
    let output = Command::new(installed().join("bin/python"))
        .args(["-c", script])
        .arg(file)
        .output()
        .expect("Python");
    let users: Vec<(String, String, String, String, u8)> =
        serde_json::from_slice(&output.stdout).unwrap_or_default();
    let users = users.into_iter();
    users
        .map(|(id, email, name, role, is_active)| (id, email, name, role, is_active == 1))
        .collect()
}

async fn stored(stack: &Stack) -> BTreeSet<User> {
    let sql = "SELECT id::text, email, full_name, role, is_active FROM users";
    let rows = stack.database().await.query(sql, &[]).await;
    let rows = rows.expect("users").into_iter();
    rows.map(|row| (row.get(0), row.get(1), row.get(2), row.get(3), row.get(4)))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_copy_survives_kills_of_both_sides() {
    needs_host();
    let mut stack = Stack::start_durable().await;
    let account = ServiceAccount::create(&stack.client, &["audit:read", "users:read"]).await;
    let relay = Relay::start(stack.client.base()).await.expect("a relay");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("users.db");
    for _ in 0..50 {
        stack.client.created(&new_user()).await;
    }
    let mut copier = Copier::start(&relay.url, account.client.token(), &file);
    let done = Arc::new(AtomicUsize::new(0));
    let admin = stack.client.at(&relay.url);
    let workers: Vec<_> = (0..WORKERS)
        .map(|_| tokio::spawn(change(admin.clone(), done.clone())))
        .collect();
    for kill in 0..KILLS {
        let from = (kill + 1) * CHANGES / (KILLS + 1);
        let is_time = async || done.load(Ordering::SeqCst) >= from;
        eventually(LIMIT, "changes", is_time).await;
        match kill % 4 {
            0 | 2 => copier.kill_and_start_again(),
            1 => {
                stack.kill_host().expect("a new host");
                relay.retarget(stack.client.base());
            }
            _ => {
                stack.kill_postgres().expect("a dead Postgres");
                stack.revive_postgres().expect("a new Postgres");
            }
        }
    }
    for worker in workers {
        worker.await.expect("a worker");
    }
    assert!(done.load(Ordering::SeqCst) >= CHANGES);
    let expected = stored(&stack).await;
    assert!(expected.len() > 1_000, "{}", expected.len());
    let is_equal = async || copied(&file) == expected;
    eventually(LIMIT, "the copy", is_equal).await;

    // A feed that cannot be continued: the users are copied again.
    let database = stack.database().await;
    let gone = "DELETE FROM users WHERE role = 'user' AND is_active; DELETE FROM audit; \
        UPDATE feed_start SET position = pg_sequence_last_value('audit_position') + 1000";
    database.batch_execute(gone).await.expect("deleted events");
    let ahead = "SELECT setval('audit_position', pg_sequence_last_value('audit_position') + 1000)";
    database
        .batch_execute(ahead)
        .await
        .expect("a later position");
    let expected = stored(&stack).await;
    let is_equal = async || copied(&file) == expected;
    eventually(LIMIT, "another copy", is_equal).await;
}
