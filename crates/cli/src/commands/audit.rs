//! `roster audit`: the list of events, and the change feed.

use roster_client::types::{Event, EventList};

use crate::arguments::{Audit, FollowAudit, ListAudit};
use crate::commands::pages::{self, paged, request, set};
use crate::failure::Failure;
use crate::output::{self, Output};
use crate::session::Session;

/// Time that one request waits for an event.
const WAIT_SECONDS: i64 = 20;

paged!(EventList);

/// Runs the command.
pub async fn run(session: &Session, output: &Output, audit: Audit) -> Result<(), Failure> {
    match audit {
        Audit::List(options) => list(session, output, options).await,
        Audit::Follow(options) => follow(session, options).await,
    }
}

/// Prints the change feed until standard output is closed.
async fn follow(session: &Session, options: FollowAudit) -> Result<(), Failure> {
    let mut after = options.after;
    loop {
        let call = async |client: roster_client::Client| {
            let request = client.read_events().include_user(options.include_user);
            let mut request = request.wait(WAIT_SECONDS);
            set!(request; after = after, action = options.action.clone());
            request.send().await
        };
        let page = session.call_with_retries(call).await?.into_inner();
        for item in &page.items {
            if !output::line(item)? {
                return Ok(());
            }
        }
        after = Some(page.next);
    }
}

async fn list(session: &Session, output: &Output, options: ListAudit) -> Result<(), Failure> {
    let page = &options.page;
    let read = async |cursor: Option<String>| {
        let call = async |client: roster_client::Client| {
            let request = request!(client.list_audit(), page, cursor.clone();
                created_after = options.period.created_after,
                created_before = options.period.created_before,
                action = options.action.clone(), actor_id = options.actor_id,
                target_id = options.target_id);
            request.send().await
        };
        Ok(session.call(call).await?.into_inner())
    };
    let list = pages::read(page, read).await?;
    let titles = ["CREATED", "ACTION", "ACTOR", "TARGET", "REQUEST"];
    output.print(&list, titles, list.items.iter().map(row))?;
    output.more(list.next.as_deref());
    Ok(())
}

fn row(event: &Event) -> [String; 5] {
    let [actor, target] = [event.actor_id, event.target_id]
        .map(|id| id.map_or_else(String::new, |id| id.to_string()));
    [
        event.created_at.format("%F %T").to_string(),
        event.action.clone(),
        actor,
        target,
        event.request_id.clone(),
    ]
}
