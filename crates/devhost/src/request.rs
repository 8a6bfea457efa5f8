//! Converts a client's request to the one that a component gets: absolute URI and `spin-*` headers.

use std::net::SocketAddr;

use anyhow::{Context, Result, bail, ensure};
use http::header::{CONNECTION, HOST};
use http::uri::{Authority, Scheme};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Uri};

use crate::routes::Match;

/// Suffix of host names for calls between components, not for clients.
const INTERNAL_SUFFIX: &str = ".spin.internal";

/// Removes the headers that only concern the connection to this host.
pub fn strip_forbidden<B>(request: &mut Request<B>) {
    let headers = request.headers_mut();
    let internal = headers
        .get(HOST)
        .and_then(|host| host.to_str().ok()?.parse::<Authority>().ok())
        .is_some_and(|authority| authority.host().ends_with(INTERNAL_SUFFIX));
    if internal {
        headers.remove(HOST);
    }
    headers.remove(CONNECTION);
}

/// Makes the URI absolute, with the authority of the `Host` header or of the URI.
///
/// # Errors
/// Returns an error if there is none, the two differ, or it cannot be read.
pub fn make_absolute<B>(request: &mut Request<B>) -> Result<()> {
    let mut parts = request.uri().clone().into_parts();
    let header = request
        .headers()
        .get(HOST)
        .map(|host| -> Result<Authority> {
            let host = host.to_str().context("'Host' header is not valid UTF-8")?;
            host.parse()
                .context("'Host' header contains an invalid authority")
        })
        .transpose()?;
    let authority = match (header, parts.authority.take()) {
        (None, None) => bail!("no 'Host' header present in request"),
        (Some(one), None) | (None, Some(one)) => one,
        (Some(header), Some(uri)) => {
            ensure!(
                header == uri,
                "authority in 'Host' header does not match authority in URI"
            );
            header
        }
    };
    parts.scheme = Some(Scheme::HTTP);
    parts.authority = Some(authority);
    *request.uri_mut() = Uri::from_parts(parts).context("the request has no path")?;
    Ok(())
}

/// Appends the `spin-*` headers; the client's values of the same names stay before them.
///
/// # Errors
/// Returns an error if a header of the client is not UTF-8.
pub fn append_headers<B, D>(
    request: &mut Request<B>,
    route: &Match<'_, D>,
    client: SocketAddr,
) -> Result<()> {
    for value in request.headers().values() {
        std::str::from_utf8(value.as_bytes())?;
    }
    let host = match request.headers().get(HOST) {
        Some(host) => std::str::from_utf8(host.as_bytes())?,
        None => "localhost",
    };
    let path = request
        .uri()
        .path_and_query()
        .map_or("/", |path| path.as_str());
    let full_url = format!("http://{host}{path}");
    let prefix = route.raw.strip_suffix("/...").unwrap_or(route.raw);
    let client = client.to_string();
    let fixed = [
        ("spin-path-info", route.rest.as_str()),
        ("spin-full-url", &full_url),
        ("spin-matched-route", route.based),
        ("spin-base-path", "/"),
        ("spin-raw-component-route", route.raw),
        ("spin-component-route", prefix),
        ("spin-client-addr", &client),
    ];
    let headers = request.headers_mut();
    for (name, value) in fixed {
        append(headers, name, value);
    }
    for (name, value) in &route.segments {
        let name = name.replace('_', "-").to_ascii_lowercase();
        append(headers, &format!("spin-path-match-{name}"), value);
    }
    Ok(())
}

/// Appends a header, unless it is invalid.
fn append(headers: &mut HeaderMap, name: &str, value: &str) {
    if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(value)) {
        headers.append(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routes::Routes;

    fn request(uri: &str, host: Option<&str>) -> Request<()> {
        let mut request = Request::get(uri);
        if let Some(host) = host {
            request = request.header(HOST, host);
        }
        request.body(()).unwrap()
    }

    #[test]
    fn the_authority_must_be_given_once() {
        let absolute = |uri, host| {
            let mut request = request(uri, host);
            make_absolute(&mut request).ok()?;
            Some(request.uri().to_string())
        };
        assert_eq!(absolute("/a?b", Some("h:1")).unwrap(), "http://h:1/a?b");
        assert_eq!(absolute("http://h/a", None).unwrap(), "http://h/a");
        assert_eq!(absolute("/a", None), None);
        assert_eq!(absolute("http://h/a", Some("other")), None);
        assert_eq!(absolute("/a", Some("a b")), None);
    }

    #[test]
    fn spin_headers_follow_the_client_headers() {
        let routes = Routes::new([("/users/:user_id/...".to_owned(), ())]).unwrap();
        let mut request = request("/users/7/x?y=1", Some("h"));
        request
            .headers_mut()
            .insert("spin-client-addr", HeaderValue::from_static("forged"));
        let route = routes.find("/users/7/x").unwrap();
        append_headers(&mut request, &route, "127.0.0.1:9".parse().unwrap()).unwrap();
        let all = |name: &str| -> Vec<&str> {
            let values = request.headers().get_all(name);
            values.iter().map(|value| value.to_str().unwrap()).collect()
        };
        assert_eq!(all("spin-client-addr"), ["forged", "127.0.0.1:9"]);
        assert_eq!(all("spin-path-info"), ["/x"]);
        assert_eq!(all("spin-full-url"), ["http://h/users/7/x?y=1"]);
        assert_eq!(all("spin-matched-route"), ["/users/:user_id/..."]);
        assert_eq!(all("spin-component-route"), ["/users/:user_id"]);
        assert_eq!(all("spin-path-match-user-id"), ["7"]);
    }

    #[test]
    fn internal_hosts_and_connection_headers_are_dropped() {
        let mut request = request("/", Some("users.spin.internal:80"));
        request
            .headers_mut()
            .insert(CONNECTION, HeaderValue::from_static("close"));
        strip_forbidden(&mut request);
        assert!(request.headers().is_empty());
    }
}
