//! List responses: a page, the cursor of the next page, and the link to it.

use std::borrow::Cow;

use accounts::Error;
use accounts::pagination::{Page, Position};
use axum::response::Response;
use http::header::LINK;
use http::{HeaderValue, StatusCode, Uri};
use serde::Serialize;
use utoipa::openapi::{ArrayBuilder, ObjectBuilder, Ref, RefOr, Schema, Type, schema::SchemaType};
use utoipa::{PartialSchema, ToSchema};

use super::cursor::CursorKey;
use super::json;
use crate::Problem;

/// A page of a list.
#[derive(Serialize)]
pub struct List<T> {
    items: Vec<T>,
    /// The cursor of the next page, or `null` on the last one.
    next: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<i64>,
}

/// Implemented by hand, because the derived schema of a generic type repeats its items' schema in full.
impl<T: ToSchema> PartialSchema for List<T> {
    fn schema() -> RefOr<Schema> {
        let next = ObjectBuilder::new()
            .schema_type(
                [Type::String, Type::Null]
                    .into_iter()
                    .collect::<SchemaType>(),
            )
            .description(Some("Cursor of the next page, or `null` on the last page."))
            .examples(["bMZpGdS8OClTVhS6nDBbIvDt"]);
        let total = ObjectBuilder::new()
            .schema_type(Type::Integer)
            .minimum(Some(0))
            .description(Some(
                "Number of items on all pages, if `include_total` is `true`.",
            ))
            .examples([57]);
        let list = ObjectBuilder::new()
            .description(Some("A page of a list."))
            .property(
                "items",
                ArrayBuilder::new().items(Ref::from_schema_name(T::name())),
            )
            .required("items")
            .property("next", next)
            .required("next")
            .property("total", total);
        list.into()
    }
}

impl<T: ToSchema> ToSchema for List<T> {
    fn name() -> Cow<'static, str> {
        format!("{}List", T::name()).into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((T::name().into_owned(), T::schema()));
        T::schemas(schemas);
    }
}

/// Returns the position at which the list continues, from a cursor of an earlier page.
///
/// # Errors
/// 422 for a cursor that was not created for this list, which `context` names.
pub fn position(
    cursors: &CursorKey,
    cursor: Option<&str>,
    context: &str,
) -> Result<Option<Position>, Problem> {
    let Some(cursor) = cursor else {
        return Ok(None);
    };
    let position = cursors.open::<Position>(cursor, context);
    let wrong = "does not belong to this query; omit it to start at the first page";
    position
        .map(Some)
        .ok_or_else(|| Error::invalid("cursor", wrong).into())
}

/// Returns the page as JSON, with a `Link` to the next one.
pub fn page<T, V: From<T> + Serialize>(
    cursors: &CursorKey,
    context: &str,
    uri: &Uri,
    page: Page<T>,
) -> Result<Response, Problem> {
    let next = page
        .next
        .and_then(|position| cursors.seal(&position, context));
    let link = next.as_deref().and_then(|cursor| next_link(uri, cursor));
    let list = List {
        items: page.items.into_iter().map(V::from).collect(),
        next,
        total: page.total,
    };
    let mut response = json(StatusCode::OK, &list)?;
    if let Some(link) = link {
        response.headers_mut().insert(LINK, link);
    }
    Ok(response)
}

/// Link to the same list after `cursor` (RFC 8288), as a reference relative to the host.
fn next_link(uri: &Uri, cursor: &str) -> Option<HeaderValue> {
    let query = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    let kept = query.filter(|(name, _)| name != "cursor");
    let next = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(kept)
        .append_pair("cursor", cursor)
        .finish();
    HeaderValue::from_str(&format!("<{}?{next}>; rel=\"next\"", uri.path())).ok()
}
