//! `roster sessions`.

use roster_client::types::Session as Item;

use crate::arguments::Sessions;
use crate::failure::Failure;
use crate::output::Output;
use crate::session::Session;

/// Runs the command.
pub async fn run(session: &Session, output: &Output, sessions: Sessions) -> Result<(), Failure> {
    match sessions {
        Sessions::List => {
            let list = session
                .call(async |client| client.list_sessions().send().await)
                .await?;
            let titles = ["ID", "CREATED", "LAST USED", "EXPIRES", "CURRENT"];
            output.print(&*list, titles, list.items.iter().map(row))
        }
        Sessions::End { id } => {
            session
                .call(async |client| client.end_session().id(id).send().await)
                .await?;
            Ok(())
        }
    }
}

fn row(item: &Item) -> [String; 5] {
    let times = [item.created_at, item.last_used_at, item.expires_at];
    let [created, last_used, expires] = times.map(|time| time.format("%F %T").to_string());
    let current = if item.current { "yes" } else { "" };
    [
        item.id.to_string(),
        created,
        last_used,
        expires,
        current.to_owned(),
    ]
}
