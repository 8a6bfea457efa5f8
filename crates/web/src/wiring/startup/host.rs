//! The configuration check through the host: a request from the app to itself.

use std::pin::pin;
use std::time::Duration;

use futures::future::{Either, select};
use http::Request;
use http_body_util::{BodyExt, Limited};
use spin_sdk::http::{EmptyBody, send};

use super::{Answer, path};

/// The host's name for the app itself, allowed by `allowed_outbound_hosts` in the manifest.
const SELF: &str = "http://self.alt";
const MAX_BYTES: usize = 4_096;

/// Queries the state of a component's configuration.
pub async fn ask(component: &str, deadline: Duration) -> Answer {
    let asked = pin!(exchange(component));
    let deadline = pin!(spin_sdk::time::sleep(deadline));
    match select(asked, deadline).await {
        Either::Left((answer, _)) => answer.unwrap_or(Answer::None),
        Either::Right(_) => Answer::None,
    }
}

async fn exchange(component: &str) -> Option<Answer> {
    let request = Request::get(format!("{SELF}{}", path(component)));
    let response = send(request.body(EmptyBody::new()).ok()?).await.ok()?;
    let status = response.status();
    let body = Limited::new(response.into_body(), MAX_BYTES).collect();
    let body = body.await.ok()?.to_bytes();
    Some(Answer::read(status, &body))
}
