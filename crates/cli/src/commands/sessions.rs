//! `roster sessions`.

use roster_client::types::{Session as Item, SessionList};

use crate::arguments::{Page, Sessions};
use crate::commands::pages::{self, paged, request};
use crate::failure::Failure;
use crate::output::Output;
use crate::session::Session;

paged!(SessionList);

/// Runs the command.
pub async fn run(session: &Session, output: &Output, sessions: Sessions) -> Result<(), Failure> {
    match sessions {
        Sessions::List(page) => list(session, output, &page).await,
        Sessions::End { id } => {
            session
                .call(async |client| client.end_session().id(id).send().await)
                .await?;
            Ok(())
        }
    }
}

async fn list(session: &Session, output: &Output, page: &Page) -> Result<(), Failure> {
    let read = async |cursor: Option<String>| {
        let call = async |client: roster_client::Client| {
            let request = request!(client.list_sessions(), page, cursor.clone(););
            request.send().await
        };
        Ok(session.call(call).await?.into_inner())
    };
    let list = pages::read(page, read).await?;
    let titles = ["ID", "CREATED", "LAST USED", "EXPIRES", "CURRENT"];
    output.print(&list, titles, list.items.iter().map(row))?;
    output.more(list.next.as_deref());
    Ok(())
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
