//! Validates responses against the API's document: every response that a suite receives must be described
//! by it, including every member and header.
//!
//! If `ROSTER_RESPONSES` names a folder, responses are recorded there, one file per process, so that
//! `cargo xtask test` can report documented responses that no test has received.

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex};

use jsonschema::Validator;
use serde_json::{Value, json};

use crate::Reply;

static DOCUMENT: LazyLock<Document> = LazyLock::new(Document::read);

/// Panics if the document describes the operation but not this response.
#[track_caller]
pub fn check(reply: &Reply) {
    match DOCUMENT.describes(reply) {
        Ok(Some(answer)) => DOCUMENT.note(answer),
        Ok(None) => {}
        Err(problem) => panic!("{problem}: {reply}"),
    }
}

struct Document {
    json: Value,
    /// Schemas of bodies; additional members are not allowed.
    components: Value,
    validators: Mutex<HashMap<String, Arc<Validator>>>,
    notes: Option<Mutex<Notes>>,
}

struct Notes {
    file: File,
    written: BTreeSet<String>,
}

impl Document {
    fn read() -> Self {
        let json: Value = serde_json::from_str(include_str!("../../openapi/v1.json"))
            .expect("openapi/v1.json is JSON");
        let mut components = json["components"].clone();
        for schema in components["schemas"]
            .as_object_mut()
            .expect("schemas")
            .values_mut()
        {
            if schema.get("properties").is_some() {
                schema["additionalProperties"] = Value::Bool(false);
            }
        }
        let notes = std::env::var_os("ROSTER_RESPONSES").map(|folder| {
            let name = std::process::id().to_string();
            let file = File::create(Path::new(&folder).join(name)).expect("a file for notes");
            let written = BTreeSet::new();
            Mutex::new(Notes { file, written })
        });
        Self {
            json,
            components,
            validators: Mutex::default(),
            notes,
        }
    }

    /// Returns the name and the documented responses of the operation. 405 and responses of the host
    /// itself belong to no operation.
    fn operation(&self, reply: &Reply) -> Option<(&str, &Value)> {
        let paths = self.json["paths"].as_object()?;
        // A fixed path takes precedence over one with a parameter, as in the router.
        let item = paths.get(&reply.path).or_else(|| {
            let mut templates = paths.iter().filter(|(path, _)| fits(path, &reply.path));
            templates.next().map(|(_, item)| item)
        })?;
        let method = match reply.method.as_str() {
            "HEAD" => "get".to_owned(),
            other => other.to_ascii_lowercase(),
        };
        let operation = item.get(method)?;
        Some((operation["operationId"].as_str()?, &operation["responses"]))
    }

    /// Returns `<operation> <status> <code or ->` for a described response and `None` for a response of
    /// no operation. The error names the difference.
    fn describes(&self, reply: &Reply) -> Result<Option<String>, String> {
        let Some((operation, responses)) = self.operation(reply) else {
            return Ok(None);
        };
        let status = reply.status.to_string();
        let answer = self.resolve(&responses[&status]);
        if !answer.is_object() {
            return Err(format!("{operation} does not document the status {status}"));
        }
        self.describes_headers(answer, reply)
            .and_then(|()| self.describes_body(operation, answer, reply))
            .map_err(|problem| format!("{operation} {status}: {problem}"))?;
        let body = serde_json::from_slice::<Value>(&reply.body).unwrap_or_default();
        let code = body["code"].as_str().unwrap_or("-");
        Ok(Some(format!("{operation} {status} {code}")))
    }

    fn resolve<'a>(&'a self, value: &'a Value) -> &'a Value {
        let reference = value["$ref"].as_str();
        reference
            .and_then(|reference| self.json.pointer(reference.strip_prefix('#')?))
            .unwrap_or(value)
    }

    /// Checks that documented headers occur only in responses for which they are documented.
    fn describes_headers(&self, answer: &Value, reply: &Reply) -> Result<(), String> {
        let known = self.json["components"]["headers"].as_object();
        let mut sent = known.into_iter().flat_map(|headers| headers.keys());
        let named = |name: &&String| answer["headers"].get(name.as_str()).is_some();
        match sent.find(|name| reply.header(name).is_some() && !named(name)) {
            Some(name) => Err(format!("the header {name} is not documented")),
            None => Ok(()),
        }
    }

    fn describes_body(&self, operation: &str, answer: &Value, reply: &Reply) -> Result<(), String> {
        let contents = answer["content"].as_object();
        let Some((media_type, content)) = contents.and_then(|all| all.iter().next()) else {
            let none = reply.body.is_empty();
            return none.then_some(()).ok_or("no body is documented".into());
        };
        if reply.header("content-type") != Some(media_type) {
            return Err(format!("{media_type} is documented"));
        }
        if !media_type.ends_with("json") || reply.body.is_empty() {
            return Ok(());
        }
        let validator = self.validator(&format!("{operation} {}", reply.status), content);
        let body = serde_json::from_slice(&reply.body).map_err(|error| error.to_string())?;
        let errors = validator.iter_errors(&body);
        let errors: Vec<_> = errors
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        errors.is_empty().then_some(()).ok_or(errors.join("\n"))
    }

    fn validator(&self, name: &str, content: &Value) -> Arc<Validator> {
        let mut validators = self.validators.lock().expect("no test panics in here");
        let new = || {
            let schema = json!({ "allOf": [content["schema"]], "components": self.components });
            let options = jsonschema::draft202012::options().should_validate_formats(true);
            Arc::new(options.build(&schema).expect("a schema"))
        };
        validators
            .entry(name.to_owned())
            .or_insert_with(new)
            .clone()
    }

    fn note(&self, line: String) {
        let Some(notes) = &self.notes else { return };
        let mut notes = notes.lock().expect("no test panics in here");
        if !notes.written.contains(&line) {
            writeln!(notes.file, "{line}").expect("a note");
            notes.written.insert(line);
        }
    }
}

/// Returns true if the path matches the template.
fn fits(template: &str, path: &str) -> bool {
    let (template, path) = (template.split('/'), path.split('/'));
    template.clone().count() == path.clone().count()
        && template
            .zip(path)
            .all(|(part, given)| part == given || (part.starts_with('{') && !given.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::DOCUMENT;
    use crate::Reply;
    use reqwest::Method;
    use reqwest::header::{HeaderMap, HeaderName};
    use serde_json::{Value, json};

    fn check_result(path: &str, status: u16, headers: &[(&str, &str)], body: &Value) -> String {
        let pairs = headers.iter().map(|(name, value)| {
            let name: HeaderName = name.parse().unwrap();
            (name, value.parse().unwrap())
        });
        let described = DOCUMENT.describes(&Reply {
            method: Method::GET,
            path: path.into(),
            status,
            headers: HeaderMap::from_iter(pairs),
            body: if body.is_null() {
                Vec::new()
            } else {
                body.to_string().into()
            },
        });
        described.map_or_else(|problem| problem, |answer| format!("{answer:?}"))
    }

    #[test]
    fn every_member_and_header_of_a_response_is_validated() {
        let json = ("content-type", "application/json");
        let health = json!({
            "status": "alive", "service": "roster", "environment": "test", "version": "1",
            "timestamp": "2026-01-01T00:00:00Z",
        });
        let live = "/api/v1/health/live";
        assert_eq!(
            check_result(live, 200, &[json], &health),
            "Some(\"live 200 -\")"
        );
        let mut more = health.clone();
        more["uptime"] = 5.into();
        assert!(check_result(live, 200, &[json], &more).contains("uptime"));
        let mut less = health.clone();
        less.as_object_mut().unwrap().remove("version");
        assert!(
            check_result(live, 200, &[json], &less).contains("\"version\" is a required property")
        );
        let mut other = health.clone();
        other["timestamp"] = "yesterday".into();
        assert!(check_result(live, 200, &[json], &other).contains("date-time"));
        let tag = ("etag", "\"v1\"");
        assert!(check_result(live, 200, &[json, tag], &health).contains("the header ETag"));
        assert!(check_result(live, 200, &[], &health).contains("application/json is documented"));
        assert_eq!(
            check_result(live, 418, &[json], &health),
            "live does not document the status 418"
        );
        let me = "/api/v1/users/me";
        assert_eq!(
            check_result(me, 304, &[tag], &Value::Null),
            "Some(\"get_me 304 -\")"
        );
        assert_eq!(check_result("/api/v1/teams", 200, &[json], &health), "None");
    }
}
