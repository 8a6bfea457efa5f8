//! Holds answers against the API's document: every answer that a suite gets must be one that the
//! document describes, to the last member and header.
//!
//! With `ROSTER_ANSWERS` set to a folder, what was answered is noted there, one file a process, so
//! that `cargo xtask test` can name documented answers that no test has seen.

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex};

use jsonschema::Validator;
use serde_json::{Value, json};

use crate::Reply;

static DOCUMENT: LazyLock<Document> = LazyLock::new(Document::read);

/// Panics when the document describes the operation but not this answer.
#[track_caller]
pub fn check(reply: &Reply) {
    let Some((operation, responses)) = DOCUMENT.operation(reply) else {
        return;
    };
    let status = reply.status.to_string();
    let answer = DOCUMENT.resolve(&responses[&status]);
    assert!(
        answer.is_object(),
        "{operation} documents no {status}: {reply}"
    );
    DOCUMENT.check_headers(operation, answer, reply);
    DOCUMENT.check_body(operation, answer, reply);
    let problem = serde_json::from_slice::<Value>(&reply.body).unwrap_or_default();
    let code = problem["code"].as_str().unwrap_or("-");
    DOCUMENT.note(format!("{operation} {status} {code}"));
}

struct Document {
    json: Value,
    /// Schemas of bodies, with components that allow no member that they do not name.
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
        let notes = std::env::var_os("ROSTER_ANSWERS").map(|folder| {
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

    /// The name and the answers of the operation that answered. 405 and what the host answers alone
    /// belong to none.
    fn operation(&self, reply: &Reply) -> Option<(&str, &Value)> {
        let paths = self.json["paths"].as_object()?;
        // A fixed path goes before one with a parameter, as in the router.
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

    fn resolve<'a>(&'a self, value: &'a Value) -> &'a Value {
        let reference = value["$ref"].as_str();
        reference
            .and_then(|reference| self.json.pointer(reference.strip_prefix('#')?))
            .unwrap_or(value)
    }

    /// Of the headers that the document knows, an answer has only those that it names there.
    #[track_caller]
    fn check_headers(&self, operation: &str, answer: &Value, reply: &Reply) {
        let known = self.json["components"]["headers"]
            .as_object()
            .expect("headers");
        for name in known.keys().filter(|name| reply.header(name).is_some()) {
            assert!(
                answer["headers"].get(name).is_some(),
                "{operation} does not document {name}: {reply}"
            );
        }
    }

    #[track_caller]
    fn check_body(&self, operation: &str, answer: &Value, reply: &Reply) {
        let contents = answer["content"].as_object();
        let Some((media_type, content)) = contents.and_then(|all| all.iter().next()) else {
            assert!(
                reply.body.is_empty(),
                "{operation} documents no body: {reply}"
            );
            return;
        };
        assert_eq!(
            reply.header("content-type"),
            Some(media_type.as_str()),
            "{reply}"
        );
        if !media_type.ends_with("json") || reply.body.is_empty() {
            return;
        }
        let validator = self.validator(&format!("{operation} {}", reply.status), content);
        let body = reply.json();
        let errors: Vec<_> = validator
            .iter_errors(&body)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(
            errors.is_empty(),
            "{operation} documents another body: {errors:#?}\n{reply}"
        );
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

/// Whether the path is one of the template's.
fn fits(template: &str, path: &str) -> bool {
    let (template, path) = (template.split('/'), path.split('/'));
    template.clone().count() == path.clone().count()
        && template
            .zip(path)
            .all(|(part, given)| part == given || (part.starts_with('{') && !given.is_empty()))
}
