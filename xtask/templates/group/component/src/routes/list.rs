//! `GET /api/v1/__names__`: keyset pagination by time of creation.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::Uri;
use serde::Deserialize;
use web::Problem;
use web::auth::endpoints::Endpoint;
use web::extract::parameter::parse_time_query;
use web::extract::query::Query;
use web::response::list::{self, List};

use super::__Names__State;
use crate::__name__::__Name__;

/// Query of `GET /api/v1/__names__`. Fields are text, so that each error can describe the expected value.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct List__Names__ {
    /// `next` of the previous page. All parameters except `limit` and `include_total` must be the same as for
    /// that page.
    cursor: Option<String>,
    #[param(schema_with = web::openapi::limit)]
    limit: Option<String>,
    #[param(schema_with = web::openapi::time_sort)]
    sort: Option<String>,
    /// `true` adds `total`, the number of __names__ on all pages.
    #[param(value_type = Option<bool>, default = false)]
    include_total: Option<String>,
}

/// A page of __names__.
type __Name__List = List<__Name__>;

/// List __names__
///
/// Returns a page, newest first by default. To get the next page, send `next` as `cursor`.
#[utoipa::path(
    get, path = Endpoint::List__Names__.path(), tag = "__names__",
    params(List__Names__),
    responses((
        status = 200, description = "A page of __names__", body = __Name__List,
        headers(("Link"))
    )),
)]
pub(super) async fn list___names__(
    State(state): State<Arc<__Names__State>>,
    uri: Uri,
    Query(sent): Query<List__Names__>,
) -> Result<Response, Problem> {
    let (limit, sort) = (sent.limit.as_deref(), sent.sort.as_deref());
    let mut query = parse_time_query(limit, sort, sent.include_total.as_deref())?;
    // A cursor continues only the list that it was made for.
    let context = format!("__names__ {}", query.sort.is_descending());
    query.window.after = list::position(&state.cursors, sent.cursor.as_deref(), &context)?;
    let page = state.__names__.list(&query).await?;
    list::page::<_, __Name__>(&state.cursors, &context, &uri, page)
}
