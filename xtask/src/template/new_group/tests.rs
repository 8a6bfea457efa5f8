//! Tests of the names, the edits and the files of a group in this checkout.

use std::fs;
use std::path::Path;

use super::edit;
use super::files::draft;
use super::name::Name;
use crate::tools::workspace::root;

fn orders() -> Name {
    Name::parse("orders", None).unwrap()
}

#[test]
fn names_are_parsed_with_their_singular() {
    for (plural, singular) in [
        ("orders", "order"),
        ("categories", "category"),
        ("addresses", "address"),
        ("boxes2s", "boxes2"),
        ("invoices", "invoice"),
    ] {
        let name = Name::parse(plural, None).unwrap();
        assert_eq!(name.render("__name__"), singular);
    }
    let people = Name::parse("people", Some("person")).unwrap();
    assert_eq!(
        people.render("List__Names__ __Name__Id __NAMES__ create___name__"),
        "ListPeople PersonId PEOPLE create_person"
    );
    for (plural, singular) in [
        ("people", None),
        ("Orders", None),
        ("or-ders", None),
        ("1orders", None),
        ("", None),
        ("s", None),
        ("orders", Some("orders")),
        ("types", None),
        ("orders", Some("Order")),
    ] {
        assert!(
            Name::parse(plural, singular).is_err(),
            "{plural} {singular:?}"
        );
    }
}

#[test]
fn insertions_require_a_unique_anchor() {
    let text = "[\nb\nd\n]\n";
    let cases = [
        (edit::before(text, "b\n", "a\n"), "[\na\nb\nd\n]\n"),
        (edit::after(text, "d\n", "e\n"), "[\nb\nd\ne\n]\n"),
        (
            edit::at_end_of(text, "[\n", "]\n", "c\n"),
            "[\nb\nd\nc\n]\n",
        ),
        (edit::sorted(text, "[\n", "]\n", "c\n"), "[\nb\nc\nd\n]\n"),
        (edit::sorted(text, "[\n", "]\n", "e\n"), "[\nb\nd\ne\n]\n"),
        (edit::replace(text, "d\n", "e\n"), "[\nb\ne\n]\n"),
    ];
    for (changed, expected) in cases {
        assert_eq!(changed.unwrap(), expected);
    }
    assert_eq!(edit::part(text, "[\n", "d\n").unwrap(), "[\nb\nd\n");
    for (anchor, problem) in [("x\n", "occurs 0 times"), ("d\n", "occurs 2 times")] {
        let error = edit::before("d\nd\n", anchor, "a\n").unwrap_err();
        assert!(error.to_string().contains(problem), "{error}");
    }
}

#[test]
fn a_group_can_be_added_to_this_checkout() {
    let draft = draft(root(), &orders()).unwrap();
    for (path, part) in [
        (
            "components/orders/src/store.rs",
            "SELECT 'order_created', $3::uuid, id",
        ),
        (
            "crates/settings/src/lib.rs",
            "    Orders = \"orders\", &[Part::Stores",
        ),
        ("crates/accounts/src/audit/action.rs", "    OrderCreated,\n"),
        (
            "crates/web/src/auth/endpoints.rs",
            "CreateOrder: POST \"/api/v1/orders\" Admin;",
        ),
        (
            "tests/tests/contract/main.rs",
            "mod metrics;\nmod orders;\nmod own_account;\n",
        ),
        ("tests/tests/identity/authorization.rs", ", unique};\n"),
        (
            "crates/openapi/src/lib.rs",
            "merge(orders::routes::Documentation::openapi())",
        ),
        (
            "spin.toml",
            "route = \"/internal/orders/configuration\"\ncomponent = \"orders\"\n",
        ),
        (
            "spin.toml",
            "jwt_audience = \"{{ jwt_audience }}\"\ntrusted_proxy_hops",
        ),
        ("wit/worlds.wit", "\nworld orders {\n"),
        (
            "k8s/base/apps/orders.yaml",
            "    - {name: jwt_public_key, valueFrom: {secretKeyRef:",
        ),
        ("k8s/base/kustomization.yaml", "  - apps/orders.yaml\n"),
        ("docs/api.md", "| `POST /orders` | admin |"),
    ] {
        let text = draft.read(path).unwrap();
        assert!(
            text.contains(part),
            "{path} does not contain {part}:\n{text}"
        );
        assert!(!text.contains("__n") && !text.contains("__N"), "{path}");
    }
    let app = draft.read("k8s/base/apps/orders.yaml").unwrap();
    for other in ["hash_slots", "login_delay_seconds", "breach_check_url"] {
        assert!(!app.contains(&format!("{{name: {other},")), "{other}");
    }
}

#[test]
fn a_taken_name_is_rejected() {
    for (plural, problem) in [
        ("users", "components/users already exists"),
        ("sessions", "a table of migrations/"),
        ("events", "`Event` is a schema"),
        ("uuids", "uses the word `uuid`"),
        ("pages", "uses the word"),
    ] {
        let error = draft(root(), &Name::parse(plural, None).unwrap()).unwrap_err();
        assert!(error.to_string().contains(problem), "{plural}: {error}");
    }
}

#[test]
fn a_missing_anchor_is_reported_before_any_file_is_written() {
    let copy = tempfile::tempdir().unwrap();
    for folder in [
        "components",
        "crates",
        "docs",
        "k8s",
        "migrations",
        "openapi",
        "tests",
        "wit",
    ] {
        copy_folder(&root().join(folder), &copy.path().join(folder));
    }
    for file in ["Cargo.lock", "spin.toml"] {
        fs::copy(root().join(file), copy.path().join(file)).unwrap();
    }
    let written = draft(copy.path(), &orders()).unwrap().write().unwrap();
    assert!(
        written
            .iter()
            .any(|path| path == "components/orders/src/lib.rs")
    );
    let again = draft(copy.path(), &orders()).unwrap_err();
    assert_eq!(again.to_string(), "components/orders already exists");

    // A second group can be added, but not without the anchor of its tag.
    let invoices = Name::parse("invoices", None).unwrap();
    draft(copy.path(), &invoices).unwrap();
    let file = copy.path().join("crates/openapi/src/lib.rs");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("\"operations\",", "\"operation\",")).unwrap();
    let error = draft(copy.path(), &invoices).unwrap_err();
    let text = format!("{error:#}");
    assert!(
        text.contains("cannot edit crates/openapi/src/lib.rs"),
        "{text}"
    );
    assert!(
        text.contains("occurs 0 times, but must occur once"),
        "{text}"
    );
    assert!(!copy.path().join("components/invoices").exists());
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy_folder(&entry.path(), &target),
            false => fs::copy(entry.path(), target).map(|_| ()).unwrap(),
        }
    }
}
