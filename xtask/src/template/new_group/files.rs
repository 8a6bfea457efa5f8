//! Files of a new group, and its entries in the files of the project.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use settings::Part;

use super::draft::Draft;
use super::name::Name;
use super::{cluster, edit};
use crate::gates::codegen::{migrations, variables};

/// Parts of the app that the component contains, as in its row of `crates/settings`.
pub const PARTS: [Part; 2] = [Part::Stores, Part::AccessControl];

/// Root of the component's code.
pub const LIBRARY: &str = "components/__names__/src/lib.rs";
/// Black-box suite.
pub const SUITE: &str = "tests/tests/contract/__names__.rs";
/// Test of the access rules of every endpoint.
pub const AUTHORIZATION: &str = "tests/tests/identity/authorization.rs";

macro_rules! template {
    ($path:literal) => {
        include_str!(concat!("../../../templates/group/", $path))
    };
}

/// Templates of new files, by path.
const FILES: [(&str, &str); 10] = [
    (
        "components/__names__/Cargo.toml",
        template!("component/Cargo.toml"),
    ),
    (LIBRARY, template!("component/src/lib.rs")),
    (
        "components/__names__/src/__name__.rs",
        template!("component/src/__name__.rs"),
    ),
    (
        "components/__names__/src/store.rs",
        template!("component/src/store.rs"),
    ),
    (
        "components/__names__/src/routes.rs",
        template!("component/src/routes.rs"),
    ),
    (
        "components/__names__/src/routes/list.rs",
        template!("component/src/routes/list.rs"),
    ),
    (
        "components/__names__/src/routes/create.rs",
        template!("component/src/routes/create.rs"),
    ),
    (
        "components/__names__/src/routes/tests.rs",
        template!("component/src/routes/tests.rs"),
    ),
    (SUITE, template!("suite.rs")),
    (cluster::APP, template!("app.yaml")),
];

/// Returns every file of the group, and every changed file.
///
/// # Errors
/// A taken name, and a file without an expected anchor.
pub fn draft(root: &Path, name: &Name) -> Result<Draft> {
    ensure_free(root, name)?;
    let mut draft = Draft::new(root);
    for (path, template) in FILES {
        draft.create(&name.render(path), name.render(template))?;
    }
    add_migration(&mut draft, name)?;
    add_component(&mut draft, name)?;
    add_endpoints(&mut draft, name)?;
    cluster::add(&mut draft, name)?;
    Ok(draft)
}

/// Fails if the name is taken.
fn ensure_free(root: &Path, name: &Name) -> Result<()> {
    let plural = name.plural();
    let folder = format!("components/{plural}");
    ensure!(!root.join(&folder).exists(), "{folder} already exists");
    let read = |path: &str| {
        fs::read_to_string(root.join(path)).with_context(|| format!("cannot read {path}"))
    };
    ensure!(
        !read("Cargo.lock")?.contains(&format!("name = \"{plural}\"\n")),
        "`{plural}` is a crate of Cargo.lock: choose another name"
    );
    for file in migrations::names(root)? {
        ensure!(
            !read(&format!("migrations/{file}"))?.contains(&format!("CREATE TABLE {plural} ")),
            "`{plural}` is a table of migrations/{file}: choose another name"
        );
    }
    let document: Value = serde_json::from_str(&read("openapi/v1.json")?)?;
    for form in ["__Name__", "__Name__List", "__Name__Name", "Create__Name__"] {
        let schema = name.render(form);
        ensure!(
            document
                .pointer(&format!("/components/schemas/{schema}"))
                .is_none(),
            "`{schema}` is a schema of openapi/v1.json: choose another name"
        );
    }
    for (_, template) in FILES.iter().filter(|(path, _)| path.ends_with(".rs")) {
        if let Some(form) = name.forms().iter().find(|form| uses(template, form)) {
            bail!("the generated code uses the word `{form}`: choose another name");
        }
    }
    Ok(())
}

/// Returns true if the code, without comments and literals, contains the word.
fn uses(code: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let lines = code
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    lines
        .flat_map(|line| line.split('"').step_by(2))
        .any(|code| code.split(|c| !is_part(c)).any(|known| known == word))
}

/// The migration with the next number.
fn add_migration(draft: &mut Draft, name: &Name) -> Result<()> {
    let mut names = migrations::names(draft.root())?;
    let last = names.last().context("migrations/ has no migration")?;
    let (number, _) = last.split_once('_').unwrap_or_default();
    let number: u32 = number
        .parse()
        .with_context(|| format!("migrations/{last} has no number"))?;
    let rights = grant_rights(draft, &names, name)?;
    let file = format!("{:04}_{}.sql", number + 1, name.plural());
    let sql = name.render(template!("migration.sql"));
    let sql = edit::replace(&sql, "{{ grant_rights }}", &rights)?;
    draft.create(&format!("migrations/{file}"), sql)?;
    names.push(file);
    draft.edit("migrations/kustomization.yaml", |text| {
        migrations::kustomization(text, &names)
    })?;
    draft.edit("k8s/base/migrate/job.yaml", |text| {
        migrations::job(text, &names)
    })
}

/// Returns the current function `grant_rights` with the new table.
fn grant_rights(draft: &Draft, migrations: &[String], name: &Name) -> Result<String> {
    const HEAD: &str = "FUNCTION grant_rights() RETURNS";
    for file in migrations.iter().rev() {
        let path = format!("migrations/{file}");
        let sql = draft.read(&path)?;
        if !sql.contains(HEAD) {
            continue;
        }
        let function = edit::part(&sql, HEAD, "\n$$;").with_context(|| path.clone())?;
        let (rights, rest) = function
            .split_once(" TO roster_app;\n        GRANT SELECT, INSERT ON audit")
            .with_context(|| {
                format!("{path}: the grants of the app do not precede those of the audit trail")
            })?;
        return Ok(format!(
            "CREATE OR REPLACE {rights}, {} TO roster_app;\n        GRANT SELECT, INSERT ON audit{rest}",
            name.plural()
        ));
    }
    bail!("no migration defines {HEAD}")
}

/// The component in the manifest, the list of components, its world, and its action in the audit trail.
fn add_component(draft: &mut Draft, name: &Name) -> Result<()> {
    let row = "    __Names__ = \"__names__\", &[Part::Stores, Part::AccessControl];\n";
    draft.edit("crates/settings/src/lib.rs", |text| {
        edit::at_end_of(text, "\ncomponents! {\n", "}\n", &name.render(row))
    })?;
    let trigger = |route: &str| {
        let trigger = "[[trigger.http]]\nroute = \"ROUTE\"\ncomponent = \"__names__\"\n\n";
        name.render(&trigger.replace("ROUTE", route))
    };
    let head = name.render("[component.__names__.variables]\n");
    let component = name.render(template!("component.toml"));
    let component = edit::after(
        &component,
        &head,
        &variables::bindings(settings::with(&PARTS)),
    )?;
    draft.edit("spin.toml", |text| {
        let docs = "[[trigger.http]]\nroute = \"/api/docs/...\"\n";
        let text = edit::before(text, docs, &trigger("/api/v1/__names__/..."))?;
        let others = "# Paths below /api that no other component serves";
        let text = edit::before(&text, others, &trigger("/internal/__names__/configuration"))?;
        Ok(text + &component)
    })?;
    draft.append("wit/worlds.wit", &name.render(template!("world.wit")))?;
    draft.edit("crates/accounts/src/audit/action.rs", |text| {
        let action = name.render("    __Name__Created,\n");
        edit::sorted(text, "pub enum Action {\n", "}\n", &action)
    })
}

/// Imports `unique`, for the body of the first added group.
fn import_unique(text: &str) -> Result<String> {
    const START: &str = "use blackbox::{Client, ";
    let import = text.split_once(START);
    let import = import.and_then(|(head, rest)| Some((head, rest.split_once("};")?)));
    let (head, (names, rest)) =
        import.with_context(|| format!("{AUTHORIZATION} has no {START}"))?;
    Ok(match names.contains("unique") {
        true => text.to_owned(),
        false => format!("{head}{START}{names}, unique}};{rest}"),
    })
}

/// The endpoints in the table, their document and their tests.
fn add_endpoints(draft: &mut Draft, name: &Name) -> Result<()> {
    draft.edit("crates/web/src/auth/endpoints.rs", |text| {
        let rows = "    List__Names__: GET \"/api/v1/__names__\" Admin;\n    \
                    Create__Name__: POST \"/api/v1/__names__\" Admin;\n";
        edit::before(text, "    Health: GET ", &name.render(rows))
    })?;
    draft.edit(AUTHORIZATION, |text| {
        let rows = "        Endpoint::List__Names__ => (admin_only(200), None),\n        \
            Endpoint::Create__Name__ => (admin_only(201), Some(json!({ \"name\": unique() }))),\n";
        let text = edit::before(text, "        Endpoint::Register =>", &name.render(rows))?;
        import_unique(&text)
    })?;
    draft.edit("tests/tests/contract/main.rs", |text| {
        let first = text.find("\nmod ").context("the file declares no module")?;
        let (head, modules) = text.split_at(first + 1);
        let line = name.render("mod __names__;\n");
        let mut modules: Vec<_> = modules
            .split_inclusive('\n')
            .chain([line.as_str()])
            .collect();
        modules.sort_unstable();
        Ok(head.to_owned() + &modules.concat())
    })?;
    draft.edit("crates/openapi/Cargo.toml", |text| {
        let dependency = "__names__ = { path = \"../../components/__names__\" }\n";
        edit::before(
            text,
            "serde_json.workspace = true\n",
            &name.render(dependency),
        )
    })?;
    draft.edit("crates/openapi/src/lib.rs", |text| {
        let health = "    document.merge(health::routes::Documentation::openapi());\n";
        let merge = health.replace("health", name.plural());
        let text = edit::before(text, health, &merge)?;
        let tag = "        (\"__names__\", \"The __names__, for admins.\"),\n";
        let operations = "        (\n            \"operations\",\n";
        edit::before(&text, operations, &name.render(tag))
    })?;
    draft.edit("docs/api.md", |text| {
        let rows = "| `GET /__names__` | admin | 200; `limit`, `cursor`, `sort` (`created_at`), `include_total` |\n\
                    | `POST /__names__` | admin | 201; `name`; optional `Idempotency-Key` |\n";
        edit::before(text, "| `POST /auth/login` |", &name.render(rows))
    })
}
