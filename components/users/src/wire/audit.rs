//! JSON of the audit trail.

use accounts::audit::{ACTIONS, Action, Event, ListQuery};
use accounts::error::FieldErrors;
use accounts::{Error, UserId};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::openapi::{Object, ObjectBuilder, Type};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;
use web::extract::parameter::{
    first_page, parse_flag, parse_page_size, parse_time, parse_time_order, parse_uuid,
};
use web::response::list::List;

/// Query of `GET /api/v1/audit`. Fields are text, so that each error can describe the expected value.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ListAudit {
    /// `next` of the previous page. All parameters except `limit` and `include_total` must be the same as for
    /// that page.
    pub cursor: Option<String>,
    #[param(schema_with = web::openapi::limit)]
    limit: Option<String>,
    #[param(schema_with = web::openapi::time_sort)]
    sort: Option<String>,
    #[param(schema_with = action)]
    action: Option<String>,
    /// Only events caused by this user.
    #[param(value_type = Option<Uuid>)]
    actor_id: Option<String>,
    /// Only events that affected this user or other resource.
    #[param(value_type = Option<Uuid>)]
    target_id: Option<String>,
    /// Only events after this time (RFC 3339).
    #[param(value_type = Option<OffsetDateTime>)]
    created_after: Option<String>,
    /// Only events before this time (RFC 3339).
    #[param(value_type = Option<OffsetDateTime>)]
    created_before: Option<String>,
    /// `true` adds `total`, the number of events on all pages.
    #[param(value_type = Option<bool>, default = false)]
    include_total: Option<String>,
}

fn action() -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some("Only events with this action."))
        .enum_values(Some(ACTIONS.iter().copied()))
        .build()
}

impl ListAudit {
    /// Parses the parameters and reports all errors at once.
    pub fn parse(&self) -> Result<ListQuery, Error> {
        let mut errors = FieldErrors::default();
        let limit = errors.parse("limit", self.limit.as_deref(), parse_page_size);
        let sort = errors.parse("sort", self.sort.as_deref(), parse_time_order);
        let after = self.created_after.as_deref();
        let before = self.created_before.as_deref();
        let total = self.include_total.as_deref();
        let query = ListQuery {
            sort: sort.unwrap_or_default(),
            action: errors.parse("action", self.action.as_deref(), Action::parse),
            actor: errors
                .parse("actor_id", self.actor_id.as_deref(), parse_uuid)
                .map(UserId),
            target: errors.parse("target_id", self.target_id.as_deref(), parse_uuid),
            created_after: errors.parse("created_after", after, parse_time),
            created_before: errors.parse("created_before", before, parse_time),
            window: first_page(limit, errors.parse("include_total", total, parse_flag)),
        };
        errors.finish(Some(query))
    }
}

/// An event of the audit trail.
#[derive(Serialize, ToSchema)]
#[schema(as = Event)]
pub struct EventView {
    #[schema(example = "019927e1-0b2a-7d41-9d5e-6c1f0a7b8e22")]
    id: Uuid,
    #[serde(with = "time::serde::rfc3339")]
    #[schema(example = "2026-11-24T10:15:30.5Z")]
    created_at: OffsetDateTime,
    /// Name of the action; new names may be added.
    #[schema(example = "user_created")]
    action: String,
    /// User or service account that caused the event; `null` when no user was signed in.
    #[schema(required = true, example = "019927df-93aa-7b18-8c44-5d0e2f9a6b01")]
    actor_id: Option<Uuid>,
    /// User or other resource affected by the event; `null` when there is none.
    #[schema(required = true, example = "019927e0-59f4-7c60-b0a5-3a7f4b1f2c11")]
    target_id: Option<Uuid>,
    /// Id of the request that caused the event, as in its `X-Request-ID`.
    #[schema(example = "019927e1-0b29-7aa0-8f31-2b4c6d8e0f13")]
    request_id: String,
    /// Fingerprint of the client's address. Equal for equal addresses (IPv6: networks of 64 bits) until the
    /// key changes; `null` for commands of an operator.
    #[schema(required = true, example = "q83Vr8v0m0zS0Tq2c1uXyA")]
    client: Option<String>,
}

/// A page of events.
pub type EventList = List<EventView>;

impl From<Event> for EventView {
    fn from(event: Event) -> Self {
        Self {
            id: event.id,
            created_at: event.at,
            action: event.action,
            actor_id: event.actor_id,
            target_id: event.target_id,
            request_id: event.request_id,
            client: event.client,
        }
    }
}
