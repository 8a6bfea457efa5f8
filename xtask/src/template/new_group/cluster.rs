//! Objects of a new group in the cluster, and its share of the quotas and of the connections to Postgres.
//!
//! `cargo test -p delivery` checks the numbers that are written here against the rendered objects.

use anyhow::{Context, Result, ensure};

use super::draft::Draft;
use super::name::Name;
use super::{edit, files};
use crate::gates::codegen::spin_apps;

/// Objects of the group; the template is listed with the others.
pub const APP: &str = "k8s/base/apps/__names__.yaml";

const README: &str = "k8s/README.md";

/// Numbers of the template `app.yaml`.
const MAX_PODS: u64 = 10;
const CPU_REQUEST: &str = "200m";
const MEMORY_REQUEST_MIB: u64 = 256;
const MEMORY_LIMIT_MIB: u64 = 512;
const CPU_LIMIT: u64 = 1;

/// Postgres connections of a pod, by `runtime-config.toml`.
const POD_CONNECTIONS: u64 = 32;

macro_rules! template {
    ($path:literal) => {
        include_str!(concat!("../../../templates/group/", $path))
    };
}

/// Adds the group to the base, to the optional components and to the sizes of every overlay.
pub fn add(draft: &mut Draft, name: &Name) -> Result<()> {
    draft.edit(&name.render(APP), |text| {
        spin_apps::with(text, settings::with(&files::PARTS))
    })?;
    draft.edit("k8s/base/kustomization.yaml", |text| {
        edit::before(
            text,
            "  - gateway.yaml\n",
            &name.render("  - apps/__names__.yaml\n"),
        )
    })?;
    for (path, template) in [
        (
            "k8s/components/ingress/ingress.yaml",
            template!("ingress.yaml"),
        ),
        (
            "k8s/components/keda/scaledobjects/scaledobjects.yaml",
            template!("scaledobject.yaml"),
        ),
        (
            "k8s/components/keda/scaledobjects/kustomization.yaml",
            template!("replacements.yaml"),
        ),
    ] {
        draft.append(path, &name.render(template))?;
    }
    for overlay in ["dev", "staging", "prod"] {
        let path = format!("k8s/overlays/{overlay}/sizes/kustomization.yaml");
        let sizes = draft.read(&path)?;
        let max_pods = match patched(&sizes, "/spec/maxReplicas") {
            Some(number) => number.parse().with_context(|| path.clone())?,
            None => MAX_PODS,
        };
        let cpu = patched(&sizes, "/spec/resources/requests/cpu").unwrap_or(CPU_REQUEST);
        draft.edit(&path, |text| quota(text, max_pods, cpu))?;
        let total = add_connections(draft, overlay, max_pods)?;
        allow_connections(draft, overlay, total)?;
    }
    Ok(())
}

/// Returns the value that a patch of the sizes sets at `path`.
fn patched<'a>(sizes: &'a str, path: &str) -> Option<&'a str> {
    let (_, rest) = sizes.split_once(&format!("path: {path}\n"))?;
    let value = rest.lines().next()?;
    Some(value.trim().strip_prefix("value:")?.trim())
}

/// Adds the group's pods to the quota: 2.25 times their maximum number, because a rollout adds a quarter and as
/// many again may be terminating.
fn quota(sizes: &str, max_pods: u64, cpu: &str) -> Result<String> {
    let pods = (max_pods * 225).div_ceil(100);
    let millis = match cpu.strip_suffix('m') {
        Some(millis) => millis.parse::<u64>(),
        None => cpu.parse::<u64>().map(|cores| cores * 1000),
    };
    let millis = millis.with_context(|| format!("`{cpu}` is not an amount of CPU"))?;
    let text = raise(sizes, "pods: \"", "\"\n", pods)?;
    let text = raise(
        &text,
        "requests.cpu: \"",
        "\"\n",
        (pods * millis).div_ceil(1000),
    )?;
    let gibibytes = |mib: u64| (pods * mib).div_ceil(1024);
    let text = raise(
        &text,
        "requests.memory: ",
        "Gi\n",
        gibibytes(MEMORY_REQUEST_MIB),
    )?;
    let text = raise(&text, "limits.cpu: \"", "\"\n", pods * CPU_LIMIT)?;
    raise(
        &text,
        "limits.memory: ",
        "Gi\n",
        gibibytes(MEMORY_LIMIT_MIB),
    )
}

/// Raises the number between `before` and `after`.
fn raise(text: &str, before: &str, after: &str, by: u64) -> Result<String> {
    let old = edit::part(text, before, after)?;
    let number = old
        .strip_prefix(before)
        .and_then(|rest| rest.strip_suffix(after));
    let number: u64 = number
        .and_then(|number| number.parse().ok())
        .with_context(|| format!("{old:?} has no integer"))?;
    edit::replace(text, old, &format!("{before}{}{after}", number + by))
}

/// Adds the group to the overlay's row in the table of connections, and returns the new total.
fn add_connections(draft: &mut Draft, overlay: &str, max_pods: u64) -> Result<u64> {
    let start = format!("| {overlay} | ");
    let readme = draft.read(README)?;
    let row = edit::part(&readme, &start, "\n").with_context(|| README.to_owned())?;
    let form = || format!("{README}: unexpected form of the row of {overlay}: {row}");
    let cells: Vec<_> = row
        .trim_end()
        .trim_matches('|')
        .split('|')
        .map(str::trim)
        .collect();
    let [_, api, small, total, connections] = cells.as_slice() else {
        anyhow::bail!(form());
    };
    let total: u64 = total.parse().with_context(form)?;
    // During a rollout there is a quarter more.
    let pods = (max_pods * 125).div_ceil(100);
    let api = add_term(api, pods).with_context(form)?;
    let new = total + pods * POD_CONNECTIONS;
    let connections = connections.replace(&total.to_string(), &new.to_string());
    let new_row = format!("{start}{api} | {small} | {new} | {connections} |\n");
    let text = edit::replace(&readme, row, &new_row)?;
    draft.edit(README, |_| Ok(text))?;
    Ok(new)
}

/// Adds `pods` with [`POD_CONNECTIONS`] to a sum such as `2 x 13 x 32 + 5 x 32`; equal terms are counted.
fn add_term(sum: &str, pods: u64) -> Result<String> {
    let mut terms = Vec::new();
    for term in sum.split(" + ") {
        let factors = term
            .split(" x ")
            .map(str::parse)
            .collect::<Result<Vec<u64>, _>>()?;
        match factors.as_slice() {
            [pods, cap] => terms.push((*pods, *cap, 1)),
            [count, pods, cap] => terms.push((*pods, *cap, *count)),
            _ => anyhow::bail!("{term:?} is not a product"),
        }
    }
    match terms
        .iter_mut()
        .find(|term| (term.0, term.1) == (pods, POD_CONNECTIONS))
    {
        Some(term) => term.2 += 1,
        None => terms.push((pods, POD_CONNECTIONS, 1)),
    }
    terms.sort_unstable_by(|one, other| other.cmp(one));
    let terms = terms.into_iter().map(|(pods, cap, count)| match count {
        1 => format!("{pods} x {cap}"),
        count => format!("{count} x {pods} x {cap}"),
    });
    Ok(terms.collect::<Vec<_>>().join(" + "))
}

/// Raises the limit of Postgres in dev, or of PgBouncer elsewhere, if it is below the total.
fn allow_connections(draft: &mut Draft, overlay: &str, total: u64) -> Result<()> {
    let (path, before, after) = match overlay {
        "dev" => ("k8s/overlays/dev/stores.yaml", "max_connections=", "]"),
        _ => (
            "k8s/components/pgbouncer/start.sh",
            "max_client_conn = ",
            "\n",
        ),
    };
    let text = draft.read(path)?;
    let old = edit::part(&text, before, after).with_context(|| path.to_owned())?;
    let limit = old
        .strip_prefix(before)
        .and_then(|rest| rest.strip_suffix(after));
    let limit = limit.and_then(|limit| limit.parse::<u64>().ok());
    let limit = limit.with_context(|| format!("{path}: {old:?} has no number"))?;
    if limit > total {
        return Ok(());
    }
    let new = (total / 50 + 1) * 50;
    let text = edit::replace(&text, old, &format!("{before}{new}{after}"))?;
    draft.edit(path, |_| Ok(text))?;
    if overlay == "dev" {
        let (old, new) = (
            format!("`max_connections` is {limit} |"),
            format!("`max_connections` is {new} |"),
        );
        draft.edit(README, |text| edit::replace(text, &old, &new))?;
    }
    ensure!(
        new > total,
        "{path} allows {new} connections, but the pods may open {total}"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_constants_match_the_template() {
        let app = template!("app.yaml");
        for line in [
            format!("  maxReplicas: {MAX_PODS}\n"),
            format!("      cpu: {CPU_REQUEST}\n      memory: {MEMORY_REQUEST_MIB}Mi\n"),
            format!("      cpu: \"{CPU_LIMIT}\"\n      memory: {MEMORY_LIMIT_MIB}Mi\n"),
        ] {
            assert!(app.contains(&line), "{line}");
        }
    }

    #[test]
    fn equal_groups_are_counted_in_the_sum() {
        assert_eq!(add_term("2 x 13 x 32", 13).unwrap(), "3 x 13 x 32");
        assert_eq!(
            add_term("25 x 32 + 13 x 32", 13).unwrap(),
            "25 x 32 + 2 x 13 x 32"
        );
        assert_eq!(add_term("2 x 13 x 32", 5).unwrap(), "2 x 13 x 32 + 5 x 32");
        assert!(add_term("many", 5).is_err());
    }

    #[test]
    fn the_quota_is_raised_by_the_pods_of_a_rollout() {
        let sizes = "pods: \"28\"\nrequests.cpu: \"2\"\nrequests.memory: 5Gi\nlimits.cpu: \"18\"\nlimits.memory: 9Gi\n";
        let raised = quota(sizes, 2, "50m").unwrap();
        let expected = "pods: \"33\"\nrequests.cpu: \"3\"\nrequests.memory: 7Gi\nlimits.cpu: \"23\"\nlimits.memory: 12Gi\n";
        assert_eq!(raised, expected);
        assert!(quota("pods: many", 2, "50m").is_err());
    }
}
