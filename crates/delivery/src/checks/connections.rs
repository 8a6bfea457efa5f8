//! Maximum number of Postgres connections of an environment: the table in k8s/README.md has to match
//! the numbers computed from the rendered objects.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::environment::Environment;
use crate::finding::{Finding, Findings};
use crate::object::{Object, list, members, text, texts};
use crate::pod::Pod;

/// Cap per pod of a group: a full instance has four connections, and eight instances serve 128 requests.
const CAP: u64 = 32;

/// Cap per pod of the groups in which only the readiness probe uses Postgres: one instance is enough.
const SMALL_CAP: u64 = 4;
const SMALL: [&str; 2] = ["health", "docs"];

const FILE: &str = "k8s/README.md";

pub fn check(environment: &Environment) -> Vec<Finding> {
    let mut found = Findings::of(&environment.name);
    let mut groups = BTreeMap::new();
    let pods = environment.pods();
    for app in environment.apps() {
        let name = app.name();
        match cap(environment, app) {
            Ok(cap) => {
                let is_small = SMALL.contains(&name);
                let expected = if is_small { SMALL_CAP } else { CAP };
                let problem =
                    format!("a pod may open {cap} connections to Postgres instead of {expected}");
                found.expect(expected == cap, app, problem);
                let pods = environment.pods_of(app).into_iter();
                groups.insert(name, (pods.map(|pod| pod.most + pod.surge).sum(), cap));
            }
            Err(problem) => found.add(app, problem),
        }
    }
    let total: u64 = groups.values().map(|(pods, cap)| pods * cap).sum();
    let connections = match postgres_connections(environment, &pods, total) {
        Ok(connections) => connections,
        Err(problem) => {
            found.add("the database", problem);
            return found.into_vec();
        }
    };
    // An optional component does not change these numbers, so it shares the overlay's row.
    let overlay = environment.overlay();
    let columns = [false, true].map(|is_small| {
        let groups = groups.iter();
        let groups = groups.filter(|(name, _)| SMALL.contains(name) == is_small);
        column(groups.map(|(_, group)| group))
    });
    let [first, second] = &columns;
    let row = format!("| {overlay} | {first} | {second} | {total} | {connections} |");
    let has_row = environment
        .project
        .description
        .lines()
        .any(|line| line == row);
    found.expect(
        has_row,
        FILE,
        format!("the table of connections must have the row `{row}`"),
    );
    found.into_vec()
}

/// Returns the cap of an app's runtime configuration.
fn cap(environment: &Environment, app: &Object) -> Result<u64, String> {
    let name = text(&app.spec()["runtimeConfig"]["loadFromSecret"]);
    let secret = environment
        .find("Secret", name)
        .ok_or_else(|| format!("Secret {name} does not exist"))?;
    let data = members(&secret.value()["data"]).find(|(key, _)| *key == "runtime-config.toml");
    let data = data.map(|(_, data)| text(data)).unwrap_or_default();
    // Long values are rendered as several lines.
    let data: String = data.split_whitespace().collect();
    let content = STANDARD
        .decode(data)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok());
    let content = content.ok_or_else(|| format!("Secret {name} is not text"))?;
    let table: toml::Table = content
        .parse()
        .map_err(|error| format!("Secret {name} is not TOML: {error}"))?;
    let cap = table
        .get("outbound_pg")
        .and_then(|pg| pg.get("max_connections")?.as_integer());
    let cap = cap.and_then(|cap| u64::try_from(cap).ok());
    cap.ok_or_else(|| format!("Secret {name} has no outbound_pg.max_connections"))
}

/// Formats `2 x 13 x 32` for two groups of 13 pods with 32 connections each; other groups are added.
fn column<'a>(groups: impl Iterator<Item = &'a (u64, u64)>) -> String {
    let mut counts: BTreeMap<_, u64> = BTreeMap::new();
    for group in groups {
        *counts.entry(group).or_default() += 1;
    }
    let terms = counts
        .into_iter()
        .rev()
        .map(|((pods, cap), count)| match count {
            1 => format!("{pods} x {cap}"),
            count => format!("{count} x {pods} x {cap}"),
        });
    terms.collect::<Vec<_>>().join(" + ")
}

/// Describes the connections that reach Postgres: those of PgBouncer, or all. Returns an error if
/// PgBouncer or Postgres cannot accept the total.
fn postgres_connections(
    environment: &Environment,
    pods: &[Pod],
    total: u64,
) -> Result<String, String> {
    if let Some(pooler) = environment.find("Deployment", "pgbouncer") {
        let replicas = pooler.spec()["replicas"].as_u64().unwrap_or(1);
        let volumes = list(&pooler.spec()["template"]["spec"]["volumes"]).iter();
        let maps =
            volumes.filter_map(|volume| environment.config(text(&volume["configMap"]["name"])));
        let scripts: String = maps.flat_map(BTreeMap::into_values).collect();
        let size =
            setting(&scripts, "default_pool_size").ok_or("PgBouncer has no default_pool_size")?;
        let clients =
            setting(&scripts, "max_client_conn").ok_or("PgBouncer has no max_client_conn")?;
        // One replica alone has to accept all clients if the other fails.
        if clients < total {
            return Err(format!(
                "PgBouncer accepts {clients} clients, but the pods may open {total} connections"
            ));
        }
        return Ok(format!("{replicas} x {size} of PgBouncer, and the Job"));
    }
    let postgres = pods.iter().find(|pod| pod.owner == "StatefulSet postgres");
    let postgres = postgres.ok_or("neither PgBouncer nor Postgres is rendered")?;
    let mut arguments = postgres
        .containers()
        .flat_map(|container| texts(&container["args"]));
    let most = arguments.find_map(|argument| argument.strip_prefix("max_connections="));
    let most = most
        .and_then(|most| most.parse::<u64>().ok())
        .unwrap_or(100);
    if most <= total {
        return Err(format!(
            "max_connections is {most}, but the pods may open {total}"
        ));
    }
    Ok(format!("{total}; its `max_connections` is {most}"))
}

/// Returns the seconds that a client of PgBouncer waits for a connection to Postgres.
pub fn pooler_wait(environment: &Environment) -> Option<u64> {
    let pooler = environment.find("Deployment", "pgbouncer")?;
    let volumes = list(&pooler.spec()["template"]["spec"]["volumes"]).iter();
    let mut maps =
        volumes.filter_map(|volume| environment.config(text(&volume["configMap"]["name"])));
    maps.find_map(|map| {
        map.values()
            .find_map(|script| setting(script, "query_wait_timeout"))
    })
}

/// Returns the number of `name = number`.
fn setting(text: &str, name: &str) -> Option<u64> {
    let value = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.trim().strip_prefix('='));
    value?.trim().parse().ok()
}
