//! Ids in paths.

use accounts::service_account::key::ApiKeyId;
use accounts::{ServiceAccountId, SessionId, UserId};
use axum::extract::{FromRequestParts, Path};
use http::HeaderMap;
use http::request::Parts;
use uuid::Uuid;

use crate::Problem;
use crate::extract::parameter::parse_uuid;

/// Id of a resource that has its own path.
pub trait ResourceId: From<Uuid> {
    /// Description of the path parameter in the OpenAPI document.
    const DESCRIPTION: &'static str;
}

impl ResourceId for UserId {
    const DESCRIPTION: &'static str = "The user's id.";
}

impl ResourceId for SessionId {
    const DESCRIPTION: &'static str = "The session's id.";
}

impl ResourceId for ServiceAccountId {
    const DESCRIPTION: &'static str = "The service account's id.";
}

impl ResourceId for ApiKeyId {
    const DESCRIPTION: &'static str = "The key's id.";
}

/// The id in the path's `{id}`; 404 if it is not a UUID in its hyphenated form, as no such resource exists.
pub struct PathId<T>(pub T);

impl<T: ResourceId, S: Send + Sync> FromRequestParts<S> for PathId<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Path(text) = Path::<String>::from_request_parts(parts, state)
            .await
            .map_err(|error| Problem::for_status(error.status(), &HeaderMap::new()))?;
        parse(&text).map(Self)
    }
}

/// The ids in a path with `{id}` and `{key_id}`, by the same rule.
pub struct PathKeyId(pub ServiceAccountId, pub ApiKeyId);

impl<S: Send + Sync> FromRequestParts<S> for PathKeyId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Path((id, key)) = Path::<(String, String)>::from_request_parts(parts, state)
            .await
            .map_err(|error| Problem::for_status(error.status(), &HeaderMap::new()))?;
        Ok(Self(parse(&id)?, parse(&key)?))
    }
}

fn parse<T: ResourceId>(text: &str) -> Result<T, Problem> {
    let id = parse_uuid(text).map_err(|_| Problem::not_found())?;
    Ok(T::from(id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::Router;
    use axum::body::Body;
    use axum::routing::get;
    use futures::executor::block_on;
    use http::Request;
    use tower::ServiceExt;

    /// Returns the status and the code of a request for the path.
    fn get_user(id: &str) -> (u16, Option<&'static str>) {
        let handler = async |PathId(id): PathId<UserId>| id.to_string();
        let router: Router = Router::new().route("/users/{id}", get(handler));
        let request = Request::get(format!("/users/{id}")).body(Body::empty());
        let response = block_on(router.oneshot(request.unwrap())).unwrap();
        let problem = response.extensions().get::<Problem>();
        (response.status().as_u16(), problem.map(Problem::code))
    }

    #[test]
    fn only_uuids_in_canonical_form_are_ids() {
        let id = UserId::generate();
        assert_eq!(get_user(&id.to_string()), (200, None));
        assert_eq!(get_user(&id.to_string().to_uppercase()), (200, None));
        for other in ["none", "%00", &id.0.simple().to_string()] {
            assert_eq!(get_user(other), (404, Some("not_found")), "{other}");
        }
        assert_eq!(get_user("%FF"), (400, Some("malformed_request")));
    }
}
