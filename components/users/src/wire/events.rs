//! JSON of the change feed.

use std::time::Duration;

use accounts::Error;
use accounts::audit::{ACTIONS, Action};
use accounts::error::FieldErrors;
use accounts::feed::{FeedEvent, FeedPage, FeedQuery};
use accounts::pagination::PageSize;
use serde::{Deserialize, Serialize};
use utoipa::openapi::{Object, ObjectBuilder, Type};
use utoipa::{IntoParams, ToSchema};
use web::extract::parameter::{parse_digits, parse_export_size, parse_flag};
use web::response::UserView;

use crate::wire::audit::EventView;

/// Longest wait in seconds.
const MAX_WAIT: u64 = 30;

/// Query of `GET /api/v1/events`. Fields are text, so that each error can describe the expected value.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ReadEvents {
    /// `next` of the previous page. Without it, the page is empty, and its `next` is the present end of the feed.
    #[param(value_type = Option<i64>, minimum = 0)]
    after: Option<String>,
    #[param(schema_with = limit)]
    limit: Option<String>,
    #[param(schema_with = actions)]
    action: Option<String>,
    /// `true` adds the present state of the users that the events are about. Service accounts need the scope
    /// `users:read` for it.
    #[param(value_type = Option<bool>, default = false)]
    include_user: Option<String>,
    /// Number of seconds to wait for an event if there is none.
    #[param(value_type = Option<i64>, minimum = 0, maximum = 30, default = 0)]
    wait: Option<String>,
}

/// The parameter `limit`.
fn limit() -> Object {
    web::openapi::limit_of_transfer("events")
}

/// The parameter `action`.
fn actions() -> Object {
    let description = format!(
        "Only events with one of these actions, separated by commas. Actions: {}.",
        ACTIONS.join(", ")
    );
    ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some(description))
        .pattern(Some("^[a-z_]+(,[a-z_]+)*$"))
        .examples(["user_created,user_deleted"])
        .build()
}

impl ReadEvents {
    /// Parses the parameters and reports all errors at once.
    pub fn parse(&self) -> Result<FeedQuery, Error> {
        let mut errors = FieldErrors::default();
        let after = errors.parse("after", self.after.as_deref(), parse_position);
        let size = errors.parse("limit", self.limit.as_deref(), parse_export_size);
        let actions = errors.parse("action", self.action.as_deref(), parse_actions);
        let user = self.include_user.as_deref();
        let user = errors.parse("include_user", user, parse_flag);
        let wait = errors.parse("wait", self.wait.as_deref(), parse_wait);
        errors.finish(Some(FeedQuery {
            after,
            size: size.unwrap_or(PageSize::MAX_OF_EXPORT),
            actions: actions.unwrap_or_default(),
            include_user: user.unwrap_or_default(),
            wait: wait.unwrap_or_default(),
        }))
    }
}

fn parse_position(text: &str) -> Result<i64, &'static str> {
    parse_digits(text).ok_or("must be `next` of a page")
}

fn parse_actions(text: &str) -> Result<Vec<Action>, &'static str> {
    text.split(',').map(Action::parse).collect()
}

fn parse_wait(text: &str) -> Result<Duration, &'static str> {
    let seconds = parse_digits(text).filter(|seconds| *seconds <= MAX_WAIT);
    let seconds = seconds.ok_or("must be a whole number of seconds from 0 to 30")?;
    Ok(Duration::from_secs(seconds))
}

/// A page of the change feed.
#[derive(Serialize, ToSchema)]
#[schema(as = EventFeed)]
pub struct FeedView {
    items: Vec<FeedItemView>,
    /// Position after which the next page begins. Store it together with the effects of this page.
    #[schema(minimum = 0, example = 4711)]
    next: i64,
}

/// An event of the change feed.
#[derive(Serialize, ToSchema)]
#[schema(as = EventFeedItem)]
pub struct FeedItemView {
    /// Positions increase, with gaps. No event ever appears below one that has been returned.
    #[schema(minimum = 0, example = 4711)]
    position: i64,
    event: EventView,
    /// Present state of the user that the event is about, at least as new as the event. `null` if there is no such user
    /// any more, or the event is about something else; absent unless `include_user` is `true`.
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<Option<UserView>>,
}

impl FeedView {
    pub fn new(page: FeedPage, include_user: bool) -> Self {
        let item = |item: FeedEvent| FeedItemView {
            position: item.position,
            event: item.event.into(),
            user: include_user.then(|| item.user.map(UserView::from)),
        };
        Self {
            items: page.items.into_iter().map(item).collect(),
            next: page.next,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(query: &[(&str, &str)]) -> Result<FeedQuery, Error> {
        let pairs = query.iter().map(|(name, value)| (*name, (*value).into()));
        let object = serde_json::Value::Object(
            pairs
                .map(|(name, value): (&str, serde_json::Value)| (name.to_owned(), value))
                .collect(),
        );
        serde_json::from_value::<ReadEvents>(object)
            .unwrap()
            .parse()
    }

    #[test]
    fn all_parameters_are_optional() {
        let query = parse(&[]).unwrap();
        assert_eq!((query.after, query.size.get()), (None, 1_000));
        assert!(query.actions.is_empty() && !query.include_user && query.wait.is_zero());
        let query = parse(&[("action", "user_created,user_deleted"), ("wait", "30")]).unwrap();
        assert_eq!(query.actions, [Action::UserCreated, Action::UserDeleted]);
        assert_eq!(query.wait, Duration::from_secs(30));
    }

    #[test]
    fn all_invalid_parameters_are_reported_at_once() {
        let wrong = [
            ("after", "-1"),
            ("limit", "0"),
            ("action", "user_created, user_deleted"),
            ("include_user", "1"),
            ("wait", "31"),
        ];
        let Err(Error::Invalid(errors)) = parse(&wrong) else {
            panic!("accepted")
        };
        let fields: Vec<_> = errors.iter().map(|error| error.field).collect();
        assert_eq!(fields, wrong.map(|(name, _)| name));
        for (name, value) in [
            ("after", ""),
            ("after", "9223372036854775808"),
            ("wait", ""),
        ] {
            assert!(parse(&[(name, value)]).is_err(), "{name}={value}");
        }
    }
}
