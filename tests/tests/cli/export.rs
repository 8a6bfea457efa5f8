//! `roster users export`: a complete and private file, or none. `roster my-data`.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use blackbox::{Client, Person};
use serde_json::Value;

use crate::commands::Cli;

#[tokio::test]
async fn an_export_is_a_private_file_that_an_import_reads() {
    let admin = Client::from_env().await;
    let ada = Person::create_admin(&admin).await;
    let (cli, folder) = (Cli::signed_in(&ada).await, tempfile::tempdir().unwrap());
    let file = folder.path().join("users.ndjson");
    let path = file.to_str().unwrap();
    let counts = cli.json(&["users", "export", path, "--progress"]);
    let text = fs::read_to_string(&file).unwrap();
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(counts["exported"], lines.len());
    let exported = lines
        .iter()
        .find(|line| line["email"] == ada.email)
        .unwrap();
    assert_eq!(exported["role"], "admin");
    assert!(exported.get("password_hash").is_none());
    let mode = fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let few = folder.path().join("few.ndjson");
    fs::write(&few, format!("{exported}\n")).unwrap();
    let counts = cli.json(&["users", "import", few.to_str().unwrap()]);
    assert_eq!(counts["unchanged"], 1, "{counts}");

    let said = cli.fails(&["users", "export", path], 1);
    assert!(said.contains("users.ndjson"), "{said}");
    assert_eq!(
        fs::read_to_string(&file).unwrap(),
        text,
        "an existing file remains"
    );
}

#[tokio::test]
async fn users_print_their_own_data() {
    let ada = Person::create(&Client::from_env().await).await;
    let cli = Cli::signed_in(&ada).await;
    let data: Value = serde_json::from_slice(&cli.run(&["my-data"], 0).stdout).unwrap();
    assert_eq!(data["user"]["email"], ada.email, "{data}");
    assert!(!data["sessions"].as_array().unwrap().is_empty());
}

#[tokio::test]
async fn a_failed_export_leaves_no_file() {
    let admin = Client::from_env().await;
    let cli = Cli::signed_in(&Person::create_admin(&admin).await).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("users.ndjson");
    let export = [
        "users",
        "export",
        file.to_str().unwrap(),
        "--password-hashes",
    ];
    let said = cli.fails(&export, 1);
    assert!(
        said.contains("(password_hash_export_disabled, request "),
        "{said}"
    );
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}
