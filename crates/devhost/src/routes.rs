//! Matches paths to triggers: exact routes first, then `:name` segments, then `/...`, in Spin's order.

use anyhow::{Result, anyhow};
use routefinder::{RouteSpec, Router};

/// Prefix of the paths that the host serves itself.
pub const WELL_KNOWN: &str = "/.well-known/spin/";

/// Routes of an application, and their destinations.
#[derive(Debug)]
pub struct Routes<D>(Router<Route<D>>);

#[derive(Debug)]
struct Route<D> {
    /// As written in the manifest.
    raw: String,
    /// With a leading slash and without a trailing one.
    based: String,
    destination: D,
}

/// Route of a path.
pub struct Match<'a, D> {
    /// Destination of the route.
    pub destination: &'a D,
    /// The route as written in the manifest.
    pub raw: &'a str,
    /// The route with a leading slash and without a trailing one.
    pub based: &'a str,
    /// Part of the path that `/...` matches, with its leading slash; empty without `/...`.
    pub rest: String,
    /// Names and values of the `:name` segments.
    pub segments: Vec<(String, String)>,
}

impl<D> Routes<D> {
    /// Reads the patterns; the last of two equal ones counts.
    ///
    /// # Errors
    /// Returns an error if a pattern cannot be read.
    pub fn new(routes: impl IntoIterator<Item = (String, D)>) -> Result<Self> {
        let mut unique: Vec<Route<D>> = Vec::new();
        for (raw, destination) in routes {
            let slashed = if raw.starts_with('/') {
                raw.clone()
            } else {
                format!("/{raw}")
            };
            let based = slashed.strip_suffix('/').unwrap_or(&slashed).to_owned();
            if based.starts_with(WELL_KNOWN) {
                tracing::error!(
                    "route `{raw}` is unreachable: the host itself serves {WELL_KNOWN}"
                );
            }
            let route = Route {
                raw,
                based,
                destination,
            };
            match unique.iter_mut().find(|known| known.raw == route.raw) {
                Some(known) => {
                    tracing::error!(
                        "route `{}` is declared twice: the last declaration applies",
                        route.raw
                    );
                    *known = route;
                }
                None => unique.push(route),
            }
        }
        let mut router = Router::new();
        for route in unique {
            let spec = match route.based.strip_suffix("/...") {
                Some(prefix) => format!("{prefix}/*"),
                None => route.based.clone(),
            };
            let failed = |error: String| anyhow!("route `{}`: {error}", route.raw);
            let spec = RouteSpec::try_from(spec).map_err(failed)?;
            router
                .add(spec, route)
                .map_err(|error| anyhow!("{error}"))?;
        }
        Ok(Self(router))
    }

    /// Returns the route of a path, if any.
    pub fn find(&self, path: &str) -> Option<Match<'_, D>> {
        let found = self.0.best_match(path)?;
        let captures = found.captures();
        let route = found.handler();
        let rest = captures.wildcard().map(|rest| {
            // The trailing slash is kept, although it does not affect the match.
            match (rest.is_empty(), path.ends_with('/')) {
                (true, false) => String::new(),
                (true, true) => "/".to_owned(),
                (false, false) => format!("/{rest}"),
                (false, true) => format!("/{rest}/"),
            }
        });
        let segments = captures
            .iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        Some(Match {
            destination: &route.destination,
            raw: &route.raw,
            based: &route.based,
            rest: rest.unwrap_or_default(),
            segments,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routes(patterns: &[&str]) -> Routes<String> {
        let routes = patterns.iter().map(|p| ((*p).to_owned(), (*p).to_owned()));
        Routes::new(routes).unwrap()
    }

    #[track_caller]
    fn check(routes: &Routes<String>, path: &str, expected: Option<&str>) {
        let found = routes.find(path);
        assert_eq!(found.map(|found| found.raw), expected, "{path}");
    }

    #[test]
    fn the_most_specific_route_is_taken() {
        let routes = routes(&["/...", "/a/...", "/a/:x", "/a/b", "/a/b/..."]);
        check(&routes, "/a/b", Some("/a/b"));
        check(&routes, "/a/b/", Some("/a/b"));
        check(&routes, "/a/c", Some("/a/:x"));
        check(&routes, "/a/c/d", Some("/a/..."));
        check(&routes, "/a/b/c", Some("/a/b/..."));
        check(&routes, "/z", Some("/..."));
        check(&routes, "/", Some("/..."));
    }

    #[test]
    fn a_trailing_wildcard_also_matches_its_prefix() {
        let routes = routes(&["/users/..."]);
        check(&routes, "/users", Some("/users/..."));
        check(&routes, "/users/", Some("/users/..."));
        check(&routes, "/users/1/2", Some("/users/..."));
        check(&routes, "/usersx", None);
    }

    #[test]
    fn rest_and_segments_are_captured() {
        let routes = routes(&["/a/:id/..."]);
        let rest = |path: &str| routes.find(path).unwrap().rest;
        assert_eq!(rest("/a/7"), "");
        assert_eq!(rest("/a/7/"), "/");
        assert_eq!(rest("/a/7/b"), "/b");
        assert_eq!(rest("/a/7/b/"), "/b/");
        let segments = routes.find("/a/7/b").unwrap().segments;
        assert_eq!(segments, [("id".to_owned(), "7".to_owned())]);
    }
}
