//! `POST /api/v1/users/import`: users of another system.

use std::sync::Arc;

use accounts::{Error, FieldError};
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use time::OffsetDateTime;
use web::Problem;
use web::auth::access_control::AnyCaller;
use web::auth::endpoints::Endpoint;
use web::extract::lines::Lines;
use web::response;

use super::UsersState;
use crate::wire::import::{ImportReport, ImportResult, ImportUser};

/// Error of an admin in the import of a service account.
const NO_ADMIN: FieldError =
    FieldError::new("role", "must be `user`: only an admin can import admins");

/// Import users
///
/// Creates up to 1,000 users of another system, with the password hashes that they had there. Each line has its own
/// result and is imported completely or not at all. A line whose `email` belongs to an
/// existing user, and whose `id` and `external_id`, if given, belong to the same one, changes nothing, so a request can
/// be repeated safely. A line that names different users is rejected, and so is the second of two lines with the same
/// value.
#[utoipa::path(
    post, path = Endpoint::ImportUsers.path(), tag = "users",
    request_body(
        description = "One `ImportUser` per line, or an array of them; at most 4 MiB.",
        content(
            (
                String = "application/x-ndjson",
                example = "{\"email\":\"ada@example.com\",\"full_name\":\"Ada Lovelace\",\"external_id\":\"4711\"}\n{\"email\":\"grace@example.com\",\"full_name\":\"Grace Hopper\",\"external_id\":\"4712\"}\n"
            ),
            (Vec<ImportUser> = "application/json")
        )
    ),
    responses((status = 200, description = "The result of each line", body = ImportReport)),
)]
pub(super) async fn import_users(
    State(state): State<Arc<UsersState>>,
    caller: AnyCaller,
    Lines(lines): Lines<ImportUser>,
) -> Result<Response, Problem> {
    let now = OffsetDateTime::now_utc();
    let mut users = Vec::with_capacity(lines.len());
    let mut results = Vec::with_capacity(lines.len());
    for (line, sent) in lines {
        match sent.map(|sent| sent.parse(now, &state.attributes)) {
            Ok(Ok(user)) if caller.may_give(Some(user.role)).is_err() => {
                users.push((line, Err(vec![NO_ADMIN])));
            }
            Ok(Ok(user)) => users.push((line, Ok(user))),
            Ok(Err(Error::Invalid(errors))) => users.push((line, Err(errors))),
            Ok(Err(error)) => return Err(error.into()),
            Err(errors) => results.push(ImportResult::malformed(line, errors)),
        }
    }
    let outcomes = state.users.import_users(users, &caller.actor()).await?;
    results.extend(outcomes.into_iter().map(ImportResult::from));
    response::json(StatusCode::OK, &ImportReport::new(results))
}
