//! The floor of the bench: a component that responds to every request with the same text.
#![cfg(target_arch = "wasm32")]

use spin_sdk::http::{Request, Response};

const TEXT: &str = "hello";

#[spin_sdk::http_service]
async fn handle(_request: Request) -> Response<String> {
    let mut response = Response::new(TEXT.to_owned());
    // Without a length the body would be chunked.
    let length = TEXT.len().into();
    response.headers_mut().insert("content-length", length);
    response
}
