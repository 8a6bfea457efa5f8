//! Scripts, settings and health checks of compose.yaml, with the programs of this machine instead of its images. Docker
//! itself (images, mounts, networks, users) is not part of it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use blackbox::Client;
use blackbox::artifact::root;
use blackbox::client::{ME, access_token};
use devservices::{HostProgram, Postgres, PostgresOptions, Process, free_port};
use serde_yaml_ng::Value;

const EMAIL: &str = "ada@example.com";
/// Longest wait for a server to start.
const LIMIT: Duration = Duration::from_secs(60);

/// The file, with the paths and addresses of its containers replaced by those of this machine.
struct Compose {
    document: Value,
    replacements: Vec<(String, String)>,
}

impl Compose {
    fn read() -> Result<Self> {
        Ok(Self {
            document: serde_yaml_ng::from_str(&fs::read_to_string(root().join("compose.yaml"))?)?,
            // In a value, `$` is written twice.
            replacements: vec![("$$".into(), "$".into())],
        })
    }

    fn replace(&mut self, from: &str, to: impl ToString) {
        self.replacements.push((from.to_owned(), to.to_string()));
    }

    fn service(&self, name: &str) -> &Value {
        &self.document["services"][name]
    }

    fn text(&self, value: &Value) -> Result<String> {
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            other => anyhow::bail!("neither a text nor a number: {other:?}"),
        };
        let replace = |text: String, (from, to): &(String, String)| text.replace(from, to);
        Ok(self.replacements.iter().fold(text, replace))
    }

    /// Returns the command of a list of words, with the environment of its service.
    fn command(&self, service: &str, words: &Value) -> Result<Command> {
        let words = words.as_sequence().context("no list of words")?;
        let words = words.iter().map(|word| self.text(word));
        let words = words.collect::<Result<Vec<_>>>()?;
        let (program, arguments) = words.split_first().context("an empty command")?;
        let mut command = Command::new(program);
        command.args(arguments);
        if let Some(environment) = self.service(service)["environment"].as_mapping() {
            for (name, value) in environment {
                command.env(name.as_str().context("a name")?, self.text(value)?);
            }
        }
        Ok(command)
    }

    /// Repeats a service's health check until it succeeds.
    async fn until_healthy(&self, service: &str, process: &mut Process) -> Result<()> {
        let test = &self.service(service)["healthcheck"]["test"];
        let words = test.as_sequence().context("no health check")?;
        let (kind, rest) = words.split_first().context("an empty health check")?;
        let command = match kind.as_str() {
            Some("CMD") => rest.to_vec(),
            _ => [&[Value::from("/bin/sh"), Value::from("-c")], rest].concat(),
        };
        let command = Value::Sequence(command);
        let begun = Instant::now();
        while !self.command(service, &command)?.output()?.status.success() {
            ensure!(process.exit_status()?.is_none(), "{service} has ended");
            ensure!(begun.elapsed() < LIMIT, "{service} is not healthy");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }
}

/// Runs the script that generates the secrets.
fn generate_secrets(compose: &Compose) -> Result<String> {
    let script = compose.text(&compose.document["configs"]["secrets.sh"]["content"])?;
    let mut command = Command::new("/bin/sh");
    command.args(["-euc", &script]);
    command.env("POSTGRES_PASSWORD", "");
    command.env("BOOTSTRAP_ADMIN_EMAIL", EMAIL);
    Ok(String::from_utf8(succeed(command.output()?)?.stdout)?)
}

fn succeed(output: Output) -> Result<Output> {
    ensure!(output.status.success(), "{output:?}");
    Ok(output)
}

/// Starts what the image of Postgres does: a server with the user and the database of the service.
async fn start_postgres(folder: &Path, password: &str) -> Result<Postgres> {
    let postgres = Postgres::start(&folder.join("postgres"), PostgresOptions { durable: false })?;
    let (client, connection) =
        tokio_postgres::connect(&postgres.url("postgres"), tokio_postgres::NoTls).await?;
    tokio::spawn(connection);
    let user = format!("CREATE ROLE roster SUPERUSER LOGIN PASSWORD '{password}'");
    client.batch_execute(&user).await?;
    client
        .batch_execute("CREATE DATABASE roster OWNER roster")
        .await?;
    Ok(postgres)
}

/// Starts a service that keeps running, and waits until it is healthy.
async fn start(compose: &Compose, service: &str, words: &Value) -> Result<Process> {
    let mut command = compose.command(service, words)?;
    let mut process = Process::spawn(&mut command, Duration::from_secs(5))?;
    compose.until_healthy(service, &mut process).await?;
    Ok(process)
}

#[tokio::test]
async fn the_scripts_of_the_compose_file_start_the_app() -> Result<()> {
    blackbox::stack::needs_host();
    let folder = tempfile::Builder::new()
        .prefix("roster-compose-")
        .tempdir()?;
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755))?;
    let secrets = folder.path().join("secrets");
    fs::create_dir(&secrets)?;
    let mut compose = Compose::read()?;
    compose.replace("/run/roster", secrets.display());
    let said = generate_secrets(&compose)?;
    let password = said.trim_end().rsplit(' ').next().unwrap_or_default();
    ensure!(said.contains(EMAIL) && password.len() == 24, "{said}");
    let files = || ["postgres-password", "variables"].map(|name| fs::read(secrets.join(name)).ok());
    let first = files();
    ensure!(
        generate_secrets(&compose)?.is_empty() && files() == first,
        "generated twice"
    );

    let stored = fs::read_to_string(secrets.join("postgres-password"))?;
    let postgres = start_postgres(folder.path(), &stored).await?;
    let (redis_port, app_port) = (free_port()?, free_port()?);
    compose.replace(
        "allkeys-lru",
        format!("allkeys-lru --port {redis_port} --save ''"),
    );
    compose.replace("redis-cli ping", format!("redis-cli -p {redis_port} ping"));
    let command = compose.service("redis")["command"].clone();
    let _redis = start(&compose, "redis", &command).await?;

    compose.replace(
        "/migrate.sh",
        root().join("k8s/base/migrate/migrate.sh").display(),
    );
    let entrypoint = compose.service("migrate")["entrypoint"].clone();
    let mut migrate = compose.command("migrate", &entrypoint)?;
    migrate.env("MIGRATIONS", root().join("migrations"));
    migrate
        .env("PGHOST", postgres.host())
        .env("PGPORT", postgres.port().to_string());
    succeed(migrate.output()?)?;

    let (program, manifest) = (blackbox::host::program()?, root().join("spin.toml"));
    let serve = match &program {
        HostProgram::Embedded(path) => format!("{} --manifest", path.display()),
        HostProgram::Spin(path) => format!("{} up --from", path.display()),
    };
    compose.replace("spin up --from", serve);
    compose.replace("/app/spin.toml", manifest.display());
    compose.replace("0.0.0.0:3000", format!("127.0.0.1:{app_port}"));
    compose.replace("127.0.0.1/3000", format!("127.0.0.1/{app_port}"));
    let entrypoint = compose.service("app")["entrypoint"].clone();
    let mut app = compose.command("app", &entrypoint)?;
    app.current_dir(folder.path()).env("HOME", folder.path());
    app.env("SPIN_VARIABLE_DB_HOST", postgres.host());
    app.env("SPIN_VARIABLE_DB_PORT", postgres.port().to_string());
    app.env("SPIN_VARIABLE_REDIS_HOST", "127.0.0.1");
    app.env("SPIN_VARIABLE_REDIS_PORT", redis_port.to_string());
    let mut app = Process::spawn(&mut app, Duration::from_secs(5))?;
    compose.until_healthy("app", &mut app).await?;

    let nobody = Client::new(&format!("http://127.0.0.1:{app_port}"));
    let admin = nobody.login(EMAIL, password).await.expect(200);
    let me = nobody.with_token(&access_token(&admin)).get_json(ME).await;
    ensure!(me["role"] == "admin", "{me}");
    Ok(())
}
