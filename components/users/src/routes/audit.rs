//! `/api/v1/audit`: what happened, by the same list rules as users.

use accounts::audit::{Event, ListParameters, ListQuery};
use axum::extract::State;
use axum::response::Response;
use http::Uri;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;
use web::query::Query;
use web::{Problem, list};

use super::UsersState;

/// Query of `GET /api/v1/audit`. Text, so that each refusal can say what it wants.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListAudit {
    cursor: Option<String>,
    limit: Option<String>,
    sort: Option<String>,
    action: Option<String>,
    actor_id: Option<String>,
    target_id: Option<String>,
    created_after: Option<String>,
    created_before: Option<String>,
    include_total: Option<String>,
}

/// An event as admins see it.
#[derive(Serialize)]
struct EventView {
    id: Uuid,
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
    action: String,
    actor_id: Option<Uuid>,
    target_id: Option<Uuid>,
    request_id: String,
}

impl From<Event> for EventView {
    fn from(event: Event) -> Self {
        Self {
            id: event.id,
            created_at: event.at,
            action: event.action,
            actor_id: event.actor_id,
            target_id: event.target_id,
            request_id: event.request_id,
        }
    }
}

pub(super) async fn list(
    State(state): State<UsersState>,
    uri: Uri,
    Query(sent): Query<ListAudit>,
) -> Result<Response, Problem> {
    let mut query = ListQuery::parse(&ListParameters {
        limit: sent.limit,
        sort: sent.sort,
        action: sent.action,
        actor_id: sent.actor_id,
        target_id: sent.target_id,
        created_after: sent.created_after,
        created_before: sent.created_before,
        include_total: sent.include_total,
    })?;
    let context = query.context();
    query.after = list::position(&state.cursors, sent.cursor.as_deref(), &context)?;
    let page = state.audit.list(&query).await?;
    list::page::<_, EventView>(&state.cursors, &context, &uri, page)
}
