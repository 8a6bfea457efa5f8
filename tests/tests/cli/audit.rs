//! `roster audit follow`: events as they happen, until the reader ends.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use blackbox::client::id;
use blackbox::{Client, Person, new_user};
use serde_json::Value;

use crate::commands::Cli;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_are_printed_as_they_happen() {
    let admin = Client::from_env().await;
    let cli = Cli::signed_in(&Person::create_admin(&admin).await).await;
    let page = admin.get_json("/api/v1/events").await;
    let (position, actions) = (page["next"].to_string(), "user_created,user_deleted");
    let follow = ["audit", "follow", "--after", &position, "--action", actions];
    let mut command = cli.command(&[follow.as_slice(), &["--include-user"]].concat());
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let user = admin.created(&new_user()).await;
    admin.delete(id(&user)).await.expect(204);
    let target = user["id"].clone();
    let found = tokio::task::spawn_blocking(move || {
        let events = lines.map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap());
        let mut events = events.filter(|item| item["event"]["target_id"] == target);
        [events.next().unwrap(), events.next().unwrap()]
    });
    let [created, deleted] = found.await.unwrap();
    assert_eq!(created["event"]["action"], "user_created");
    assert_eq!(deleted["event"]["action"], "user_deleted");
    assert!(deleted["user"].is_null(), "{deleted}");

    // The reader is gone: the next event ends the program.
    admin.created(&new_user()).await;
    assert!(child.wait().unwrap().success());
}
