//! The scripts of docs/from-fastapi.md: they move the users of a FastAPI service to Roster and back, with hashes that
//! the Python libraries made.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use blackbox::client::access_token;
use blackbox::database::password_hash;
use blackbox::shell_blocks::blocks_to_run;
use blackbox::stack::{ADMIN_EMAIL, ADMIN_PASSWORD, Stack};
use blackbox::{PASSWORD, new_user};
use form_urlencoded::Serializer;
use serde_json::{Value, json};

use crate::service::{self, Service, block, installed, search_path};

const PAGE: &str = include_str!("../../../docs/from-fastapi.md");
const MODELS: &str = include_str!("../../services/app/models.py");
const SERVICE: &str = include_str!("../../services/app/main.py");
/// Libraries and schemes of the previous service's hashes.
const SCHEMES: [(&str, &str); 8] = [
    ("pwdlib", "argon2"),
    ("pwdlib", "bcrypt"),
    ("passlib", "argon2"),
    ("passlib", "bcrypt"),
    ("passlib", "pbkdf2_sha256"),
    ("passlib", "pbkdf2_sha512"),
    ("passlib", "scrypt"),
    ("passlib", "django_pbkdf2_sha256"),
];
const OTHER_PASSWORD: &str = "copper lantern 58 willow";
/// Email that a user gets in Roster.
const MOVED: &str = "moved@example.com";

/// The service that Roster replaces, in the folder of its modules and of the page's scripts.
struct Previous {
    service: Service,
    database: String,
    folder: tempfile::TempDir,
}

impl Previous {
    async fn start(stack: &Stack) -> Self {
        let create = "CREATE DATABASE previous";
        let database = stack.database().await;
        database.batch_execute(create).await.expect(create);
        let database = sqlalchemy(&stack.database_url("previous"));
        let folder = tempfile::tempdir().expect("a folder");
        let app = folder.path().join("app");
        fs::create_dir(&app).expect("a folder");
        for (name, text) in [("__init__", ""), ("models", MODELS), ("main", SERVICE)] {
            fs::write(app.join(format!("{name}.py")), text).expect(name);
        }
        for (name, section) in [("export", "Export"), ("back", "Way back")] {
            let file = folder.path().join(format!("{name}.py"));
            fs::write(file, block(PAGE, section, "python")).expect(name);
        }
        let variables = [("DATABASE_URL", database.as_str())];
        let service = service::uvicorn("previous", "app.main:app", folder.path(), &variables).await;
        Self {
            service,
            database,
            folder,
        }
    }

    /// Registers a user and returns their id.
    async fn register(&self, user: &Value) -> String {
        let body = user.to_string();
        let reply = self.post("/users/signup", "application/json", body).await;
        assert_eq!(reply.0, 201, "{user}: {}", reply.1);
        reply.1["id"].as_str().expect("an id").to_owned()
    }

    /// Signs in and returns the user and the role, or nothing.
    async fn sign_in(&self, email: &str, password: &str) -> Option<Value> {
        let form = Serializer::new(String::new())
            .extend_pairs([("username", email), ("password", password)])
            .finish();
        let media_type = "application/x-www-form-urlencoded";
        let (status, user) = self.post("/login/access-token", media_type, form).await;
        assert!([200, 400].contains(&status), "{email}: {status} {user}");
        (status == 200).then_some(user)
    }

    async fn post(&self, path: &str, media_type: &str, body: String) -> (u16, Value) {
        let url = format!("{}{path}", self.service.url);
        let http = roster_client::http(&url).expect("a URL").no_proxy();
        let http = http.build().expect("an HTTP client");
        let request = http.post(&url).header("content-type", media_type);
        let response = request.body(body).send().await.expect(path);
        let status = response.status().as_u16();
        (status, response.json().await.expect("JSON"))
    }

    /// Runs a shell block of the page without its example addresses, and returns its output.
    fn run(&self, block: &str, stack: &Stack) -> String {
        let folder = self.folder.path();
        let lines = block.lines().filter(|line| !line.starts_with("export "));
        let lines: Vec<_> = lines.collect();
        let script = lines.join("\n").replace("admin@example.com", ADMIN_EMAIL);
        let output = Command::new("bash")
            .args(["-eu", "-c", &script])
            .current_dir(folder)
            .env("HOME", folder)
            .env_remove("XDG_CONFIG_HOME")
            .env("PATH", search_path(folder))
            .env("DATABASE_URL", &self.database)
            .env(
                "ROSTER_DATABASE_URL",
                sqlalchemy(&stack.database_url("roster")),
            )
            .env("ROSTER_URL", stack.client.base())
            .env("ROSTER_PASSWORD", ADMIN_PASSWORD)
            .output()
            .expect("bash");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{script}\n{errors}");
        String::from_utf8(output.stdout).expect("text")
    }
}

fn sqlalchemy(url: &str) -> String {
    url.replacen("postgres://", "postgresql+psycopg://", 1)
}

fn mode(file: &Path) -> u32 {
    fs::metadata(file).expect("a file").permissions().mode() & 0o777
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_of_a_fastapi_service_move_and_can_move_back() {
    installed();
    let cli = devservices::provided_or_exit("ROSTER_CLI");
    let [import, back] = blocks_to_run(PAGE)[..] else {
        panic!("the page has other blocks");
    };
    let stack = Stack::start().await;
    let previous = Previous::start(&stack).await;
    symlink(cli, previous.folder.path().join("roster")).expect("a link");
    let mut ids = Vec::new();
    let email = |index: usize| format!("{}.{}@example.com", SCHEMES[index].0, SCHEMES[index].1);
    for (index, (library, scheme)) in SCHEMES.iter().enumerate() {
        let user = json!({
            "email": email(index), "password": PASSWORD, "library": library, "scheme": scheme,
            "full_name": (index > 0).then_some("Ada Lovelace"), "is_superuser": index == 1,
        });
        ids.push(previous.register(&user).await);
    }

    for _ in 0..2 {
        previous.run(import, &stack);
    }
    assert_eq!(mode(&previous.folder.path().join("users.ndjson")), 0o600);
    let database = stack.database().await;
    let mut users = Vec::new();
    for (index, id) in ids.iter().enumerate() {
        let sql = "SELECT id::text, role FROM users WHERE external_id = $1 AND email = $2";
        let row = database.query_one(sql, &[id, &email(index)]).await;
        let row = row.expect("one user");
        let role = if index == 1 { "admin" } else { "user" };
        assert_eq!(row.get::<_, &str>(1), role);
        let user: String = row.get(0);
        let nobody = stack.anonymous();
        nobody.login_fails(&email(index), OTHER_PASSWORD).await;
        nobody.login(&email(index), PASSWORD).await.expect(200);
        let hash = password_hash(&database, &user).await.expect("a hash");
        assert!(
            hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{hash}"
        );
        users.push(user);
    }

    // In Roster, the first user gets another password and name, the second another role, the third another email,
    // the fourth is deactivated, and the fifth is deleted and another takes their email.
    let admin = &stack.client;
    let first = stack.anonymous().login(&email(0), PASSWORD).await;
    let first = stack.anonymous().with_token(&access_token(&first));
    first
        .change_password(PASSWORD, OTHER_PASSWORD)
        .await
        .expect(204);
    admin.rename(&users[0], "Grace Hopper").await.expect(200);
    let (role, email_of_third) = (json!({ "role": "user" }), json!({ "email": MOVED }));
    let reply = admin.patch_admin(&users[1], &role, ADMIN_PASSWORD).await;
    reply.expect(200);
    admin.patch(&users[2], &email_of_third).await.expect(200);
    admin.deactivate(&users[3]).await;
    admin.delete(&users[4]).await.expect(204);
    let mut new = new_user();
    new["email"] = json!(email(4));
    new["password"] = json!(OTHER_PASSWORD);
    admin.created(&new).await;

    let printed = previous.run(back, &stack);
    assert_eq!(
        printed,
        format!("not in Roster, deactivated: {}\n", email(4))
    );
    let user = |index: usize| Some(json!({ "user": ids[index], "role": "user" }));
    assert_eq!(previous.sign_in(&email(0), PASSWORD).await, None);
    assert_eq!(previous.sign_in(&email(0), OTHER_PASSWORD).await, user(0));
    assert_eq!(previous.sign_in(&email(1), PASSWORD).await, user(1));
    assert_eq!(previous.sign_in(MOVED, PASSWORD).await, user(2));
    assert_eq!(previous.sign_in(&email(3), PASSWORD).await, None);
    assert_eq!(previous.sign_in(&email(4), PASSWORD).await, None);
    let successor = previous.sign_in(&email(4), OTHER_PASSWORD).await;
    assert_ne!(successor.expect("the new user")["user"], json!(ids[4]));
    for index in 5..SCHEMES.len() {
        assert_eq!(previous.sign_in(&email(index), PASSWORD).await, user(index));
    }
    let admin = previous.sign_in(ADMIN_EMAIL, ADMIN_PASSWORD).await;
    assert_eq!(admin.expect("the admin")["role"], "admin");
    // A second run changes nothing.
    let printed = previous.run(back, &stack);
    assert!(printed.contains(&ids[4]), "{printed}");
    assert_eq!(previous.sign_in(&email(0), OTHER_PASSWORD).await, user(0));
}
