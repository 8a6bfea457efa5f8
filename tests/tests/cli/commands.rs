//! Command line against the app: its output, its stored files, and its exit codes.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use blackbox::client::{ME, id};
use blackbox::{Client, PASSWORD, Person, unique};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Program with a separate home folder.
pub struct Cli {
    home: TempDir,
    url: String,
}

impl Cli {
    fn new(url: &str) -> Self {
        Self {
            home: tempfile::tempdir().unwrap(),
            url: url.to_owned(),
        }
    }

    /// Signs in as this person, and waits for a hash slot as other suites do.
    pub async fn signed_in(person: &Person) -> Self {
        let cli = Self::new(person.client.base());
        for _ in 0..60 {
            let login = ["login", "--email", &person.email];
            let mut command = cli.command(&login);
            let output = command
                .env("ROSTER_PASSWORD", &person.password)
                .output()
                .unwrap();
            let busy = String::from_utf8_lossy(&output.stderr).contains("(busy,");
            if !busy {
                check(&output, 0);
                return cli;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        panic!("no hash slot");
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let program = devservices::provided_or_exit("ROSTER_CLI");
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env_clear()
            .env("HOME", self.home.path())
            .env("ROSTER_URL", &self.url)
            .stdin(Stdio::null());
        command
    }

    /// Runs the program, checks its exit code and returns its output.
    #[track_caller]
    pub fn run(&self, arguments: &[&str], code: i32) -> Output {
        let output = self.command(arguments).output().unwrap();
        check(&output, code);
        output
    }

    /// Runs with the password of [`Person`]s available.
    #[track_caller]
    fn confirmed(&self, arguments: &[&str]) -> Output {
        let mut command = self.command(arguments);
        let output = command.env("ROSTER_PASSWORD", PASSWORD).output().unwrap();
        check(&output, 0);
        output
    }

    #[track_caller]
    fn text(&self, arguments: &[&str]) -> String {
        String::from_utf8(self.run(arguments, 0).stdout).unwrap()
    }

    #[track_caller]
    pub fn json(&self, arguments: &[&str]) -> Value {
        let arguments = [&["--output", "json"], arguments].concat();
        serde_json::from_str(&self.text(&arguments)).unwrap()
    }

    /// Returns standard error of a failing run; standard output must be empty.
    #[track_caller]
    pub fn fails(&self, arguments: &[&str], code: i32) -> String {
        let output = self.run(arguments, code);
        assert!(output.stdout.is_empty(), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    fn file(&self) -> PathBuf {
        self.home.path().join(".config/roster/credentials.json")
    }

    fn tokens(&self) -> Value {
        let all: Value = serde_json::from_slice(&fs::read(self.file()).unwrap()).unwrap();
        all[&self.url].clone()
    }

    /// Replaces one of the stored tokens.
    fn overwrite(&self, name: &str, token: &str) {
        let mut tokens = self.tokens();
        tokens[name] = json!(token);
        let all = json!({ &self.url: tokens }).to_string();
        fs::write(self.file(), all).unwrap();
    }
}

#[track_caller]
fn check(output: &Output, code: i32) {
    assert_eq!(output.status.code(), Some(code), "{output:?}");
}

/// Removes times, because the number of printed digits depends on the library.
fn without_times(user: &Value) -> Value {
    let mut user = user.clone();
    let members = user.as_object_mut().unwrap();
    members.retain(|name, _| !name.ends_with("_at"));
    user
}

#[tokio::test]
async fn login_stores_tokens_and_logout_deletes_them() {
    let admin = Client::from_env().await;
    let ada = Person::create(&admin).await;
    let cli = Cli::signed_in(&ada).await;
    let mode = fs::metadata(cli.file()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let me = ada.client.get_json(ME).await;
    let shown = cli.json(&["whoami"]);
    assert_eq!(without_times(&shown), without_times(&me));
    assert!(cli.text(&["whoami"]).contains(&ada.email));

    let sessions = cli.json(&["sessions", "list"]);
    assert_eq!(sessions["items"].as_array().unwrap().len(), 2, "{sessions}");
    let other = ada.session_id();
    cli.run(&["sessions", "end", &other], 0);
    ada.client.get(ME).await.problem(401, "unauthenticated");
    cli.run(&["whoami"], 0);

    let token = cli.tokens()["access_token"].as_str().unwrap().to_owned();
    cli.run(&["logout"], 0);
    assert!(cli.tokens().is_null());
    let over = admin.with_token(&token).get(ME).await;
    over.problem(401, "unauthenticated");
    let said = cli.fails(&["whoami"], 3);
    assert!(said.contains("roster login"), "{said}");
    cli.run(&["logout"], 0);
}

#[tokio::test]
async fn login_reads_the_password_from_a_pipe() {
    use std::io::Write;
    let admin = Client::from_env().await;
    let ada = Person::create(&admin).await;
    let cli = Cli::new(admin.base());
    let mut child = cli
        .command(&["login"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = format!("{}\nnot the password\n", ada.email);
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(lines.as_bytes()).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    // Without a free hash slot the password is not checked.
    if !said.contains("(busy,") {
        check(&output, 3);
        assert!(said.contains("(invalid_credentials, request "), "{said}");
    }
    assert!(!cli.file().exists());
}

#[tokio::test]
async fn users_are_created_updated_and_deleted() {
    let admin = Client::from_env().await;
    let cli = Cli::signed_in(&Person::create_admin(&admin).await).await;
    let name = unique();
    let email = format!("{name}@example.com");
    let create = ["users", "create", "--email", &email, "--full-name", &name];
    let created = cli.json(&create);
    let id = id(&created).to_owned();
    assert_eq!(created["email"], email);
    assert_eq!(created["role"], "user");
    let said = cli.fails(&create, 1);
    assert!(said.contains("(email_taken, request "), "{said}");
    assert!(said.contains("#/email: is taken"), "{said}");

    let same = admin.user(&id).await.expect(200).json();
    let shown = cli.json(&["users", "get", &id]);
    assert_eq!(without_times(&shown), without_times(&same));
    let update = ["users", "update", &id, "--role", "admin", "--if-version"];
    let updated = cli.json(&[&update[..], &["1"]].concat());
    assert_eq!(updated["role"], "admin");
    assert_eq!(updated["version"], 2);
    let said = cli.fails(&[&update[..], &["1"]].concat(), 1);
    assert!(said.contains("(precondition_failed, request "), "{said}");

    // The user is another admin now, so the caller's own password is required.
    cli.fails(&["users", "reset-token", &id], 1);
    let token = cli.confirmed(&["--output", "json", "users", "reset-token", &id]);
    let token: Value = serde_json::from_slice(&token.stdout).unwrap();
    assert!(!token["reset_token"].as_str().unwrap().is_empty());
    cli.run(&["users", "end-sessions", &id], 0);
    let events = cli.json(&["audit", "list", "--target-id", &id, "--all", "--limit", "1"]);
    let actions: Vec<_> = events["items"].as_array().unwrap().iter().collect();
    assert_eq!(
        actions.last().unwrap()["action"],
        "user_created",
        "{events}"
    );
    assert!(actions.len() >= 3, "{events}");

    cli.confirmed(&["users", "delete", &id]);
    let said = cli.fails(&["users", "get", &id], 4);
    assert!(said.contains("(not_found, request "), "{said}");
}

#[tokio::test]
async fn lists_return_one_page_or_all_pages() {
    let admin = Client::from_env().await;
    let cli = Cli::signed_in(&Person::create_admin(&admin).await).await;
    let prefix = unique();
    for n in 0..5 {
        let body = json!({ "email": format!("{prefix}.{n}@example.com"), "full_name": "Crowd" });
        admin.created(&body).await;
    }
    let list = [
        "users", "list", "--q", &prefix, "--sort", "email", "--limit", "2",
    ];
    let page = cli.json(&list);
    assert_eq!(page["items"].as_array().unwrap().len(), 2);
    let next = page["next"].as_str().unwrap();
    let second = cli.json(&[&list[..], &["--cursor", next]].concat());
    assert_eq!(
        second["items"][0]["email"],
        format!("{prefix}.2@example.com")
    );

    // A cursor may begin like an option: the server rejects this one.
    cli.fails(&[&list[..], &["--cursor", "-M"]].concat(), 1);

    let all = cli.json(&[&list[..], &["--all"]].concat());
    let emails: Vec<_> = all["items"].as_array().unwrap().iter().collect();
    assert_eq!(emails.len(), 5);
    for (n, user) in emails.iter().enumerate() {
        assert_eq!(user["email"], format!("{prefix}.{n}@example.com"));
    }
    assert!(all["next"].is_null(), "{all}");
    let descending = ["users", "list", "--q", &prefix, "--sort", "-email"];
    let last = cli.json(&descending)["items"][0]["email"].clone();
    assert_eq!(last, format!("{prefix}.4@example.com"));

    let table = cli.text(&[&list[..], &["--all"]].concat());
    assert_eq!(table.lines().count(), 6, "{table}");
    assert!(table.starts_with("ID "), "{table}");
}

#[tokio::test]
async fn a_rejected_token_is_refreshed_once() {
    let admin = Client::from_env().await;
    let cli = Cli::signed_in(&Person::create(&admin).await).await;
    let before = cli.tokens();
    cli.overwrite("access_token", "rubbish");
    cli.run(&["whoami"], 0);
    let after = cli.tokens();
    assert_ne!(after["access_token"], "rubbish");
    assert_ne!(after["refresh_token"], before["refresh_token"]);
    cli.run(&["whoami"], 0);
    assert_eq!(cli.tokens(), after);

    // All at once: one exchanges the token, the others wait and use the result.
    cli.overwrite("access_token", "rubbish");
    let runs = [(); 4].map(|()| cli.command(&["whoami"]).stdout(Stdio::null()).spawn());
    for run in runs {
        assert!(run.unwrap().wait().unwrap().success());
    }

    cli.overwrite("access_token", "rubbish");
    cli.overwrite("refresh_token", "rubbish");
    let said = cli.fails(&["whoami"], 3);
    assert!(said.contains("the session has ended"), "{said}");
    assert!(cli.tokens().is_null());
}

#[tokio::test]
async fn a_token_in_the_environment_takes_precedence_over_the_file() {
    let admin = Client::from_env().await;
    let [ada, bob] = Person::create_two(&admin).await;
    let cli = Cli::signed_in(&ada).await;
    let whoami = |token: &str| {
        let mut command = cli.command(&["whoami", "--output", "json"]);
        command.env("ROSTER_TOKEN", token).output().unwrap()
    };
    let output = whoami(bob.client.token());
    check(&output, 0);
    let me: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(me["email"], bob.email);
    check(&whoami("rubbish"), 3);
    assert_eq!(cli.json(&["whoami"])["email"], ada.email);
}

#[test]
fn an_unreachable_server_is_unavailable() {
    let cli = Cli::new("http://127.0.0.1:1");
    let said = cli.fails(&["health"], 5);
    assert!(said.contains("cannot be reached"), "{said}");
    cli.fails(&["whoami"], 3);
    cli.fails(&["--url", "127.0.0.1:1", "health"], 2);
    cli.fails(&["users", "get", "not-an-id"], 2);
}

#[tokio::test]
async fn unknown_users_and_forbidden_operations_have_exit_codes() {
    let admin = Client::from_env().await;
    let cli = Cli::signed_in(&Person::create(&admin).await).await;
    let unknown = "019927e1-0b29-7aa0-8f31-2b4c6d8e0f13";
    cli.fails(&["users", "get", unknown], 4);
    let said = cli.fails(&["users", "list"], 1);
    assert!(said.contains("(forbidden, request "), "{said}");
}

#[tokio::test]
async fn health_is_printed_and_a_closed_pipe_is_ignored() {
    let cli = Cli::new(Client::anonymous().base());
    let health = cli.json(&["health"]);
    assert_eq!(health["status"], "healthy", "{health}");
    assert_eq!(health["checks"]["redis"], "up");
    let mut child = cli
        .command(&["health"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    check(&output, 0);
    assert!(output.stderr.is_empty(), "{output:?}");
}

#[tokio::test]
async fn attributes_are_json_objects() {
    let admin = Client::from_env().await;
    let cli = Cli::signed_in(&Person::create_admin(&admin).await).await;
    let (email, attributes) = (
        format!("{}@example.com", unique()),
        r#"{"department":"Sales"}"#,
    );
    let create = ["users", "create", "--email", &email, "--full-name", "Ada"];
    let user = cli.json(&[create.as_slice(), &["--attributes", attributes]].concat());
    assert_eq!(user["attributes"], json!({ "department": "Sales" }));
    let patch = ["--attributes", r#"{"department":null,"level":7}"#];
    let user = cli.json(&[&["users", "update", id(&user)], patch.as_slice()].concat());
    assert_eq!(user["attributes"], json!({ "level": 7 }));
    let list = ["users", "list", "--email", &email, "--attribute"];
    for (level, found) in [("level=7", 1), ("level=8", 0)] {
        let list = cli.json(&[list.as_slice(), &[level]].concat());
        assert_eq!(list["items"].as_array().unwrap().len(), found, "{level}");
    }
    let said = cli.fails(&[list.as_slice(), &["level"]].concat(), 2);
    assert!(said.contains("must be NAME=VALUE"), "{said}");
    let twice = ["level=7", "--attribute", "level=8"];
    let said = cli.fails(&[list.as_slice(), &twice].concat(), 1);
    assert!(said.contains("level is repeated"), "{said}");
    let said = cli.fails(&["users", "update", id(&user), "--attributes", "[1]"], 2);
    assert!(said.contains("must be a JSON object"), "{said}");
}
