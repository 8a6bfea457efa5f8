//! Conversion of requests and responses between the host's types and axum's.
//!
//! The SDK's own conversion of a response copies its headers, and creates a stream for every body, even an
//! empty one.

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use http::Method;
use http_body_util::BodyExt;
use spin_sdk::wasip3::http::types::{ErrorCode, Fields};
use spin_sdk::wasip3::{self, wit_future, wit_stream};

/// A request as the SDK passes it to a component.
pub type HostRequest = spin_sdk::http::Request;
/// The response to a [`HostRequest`].
pub type HostResponse = Result<wasip3::http::types::Response, ErrorCode>;

pub(super) fn request(from: HostRequest) -> Request {
    let (parts, body) = from.into_parts();
    // No handler reads the body of these.
    let body = match parts.method {
        Method::GET | Method::HEAD | Method::OPTIONS => Body::empty(),
        _ => Body::new(body),
    };
    Request::from_parts(parts, body)
}

/// Sends `from` to the host. Writing the body begins in the turn that returns the head, so that the host has
/// both before it continues: a listener without TCP_NODELAY delays a body that is sent after its head.
///
/// # Errors
/// If the body cannot be read, or the host rejects the headers or the status.
pub(super) async fn response(from: Response) -> HostResponse {
    let (parts, body) = from.into_parts();
    let internal = |text: String| ErrorCode::InternalError(Some(text));
    let body = body.collect().await;
    let body = body
        .map_err(|error| internal(error.to_string()))?
        .to_bytes();
    let headers: Vec<_> = parts
        .headers
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()))
        .collect();
    let headers = Fields::from_list(&headers).map_err(|error| internal(error.to_string()))?;
    let (trailers, trailers_reader) = wit_future::new(|| Ok(None));
    let (content, reader) = match body.is_empty() {
        true => (None, None),
        false => {
            let (writer, reader) = wit_stream::new();
            (Some(writer), Some(reader))
        }
    };
    let (response, _sent) = wasip3::http::types::Response::new(headers, reader, trailers_reader);
    response
        .set_status_code(parts.status.as_u16())
        .map_err(|()| internal("invalid status".to_owned()))?;
    wasip3::spawn(async move {
        if let Some(mut content) = content {
            content.write_all(body.into()).await;
        }
        // Delivery to the client is the host's responsibility.
        let _ = trailers.write(Ok(None)).await;
    });
    Ok(response)
}
