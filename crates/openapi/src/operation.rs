//! Completes a handler's documentation with the implications of its row in the endpoints table, its
//! extractors and its use case.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use serde_json::Value;
use utoipa::openapi::example::{Example, ExampleBuilder};
use utoipa::openapi::path::{Operation, ParameterIn};
use utoipa::openapi::request_body::RequestBody;
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::schema::{AllOfBuilder, SchemaType};
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{ContentBuilder, ObjectBuilder, Ref, RefOr, Required, Schema, Type};
use web::Problem;
use web::auth::endpoints::{Access, Endpoint, Limit};
use web::openapi::{Part, of_access_control};

use crate::{headers, problems};

/// Components that operations share, by name.
#[derive(Default)]
pub struct Shared {
    /// Complete problem document per code.
    pub examples: BTreeMap<String, RefOr<Example>>,
    pub responses: BTreeMap<String, RefOr<Response>>,
}

impl Shared {
    /// Returns the response with one of `problems`, described once for all endpoints that have it.
    fn refusal(
        &mut self,
        endpoint: Endpoint,
        status: u16,
        problems: &[Problem],
    ) -> Result<RefOr<Response>> {
        for problem in problems {
            self.examples
                .insert(problem.code().to_owned(), example(problem)?);
        }
        let mut response = refusal(status, problems)?;
        share_headers(endpoint, &mut response)?;
        let codes: Vec<_> = problems.iter().map(Problem::code).collect();
        let name = codes.join("-");
        let reference = Ref::new(format!("#/components/responses/{name}"));
        let response = RefOr::T(response);
        let shared = self
            .responses
            .entry(name)
            .or_insert_with(|| response.clone());
        // A response with the same codes but other headers stays inline.
        Ok(if *shared == response {
            RefOr::Ref(reference)
        } else {
            response
        })
    }
}

/// Returns the completed operation.
///
/// # Errors
/// Names a response, header, parameter or media type of the handler that cannot be described here.
pub fn complete(
    endpoint: Endpoint,
    mut operation: Operation,
    shared: &mut Shared,
) -> Result<Operation> {
    operation.operation_id = Some(snake_case(&format!("{endpoint:?}")));
    if let Some(RefOr::T(body)) = &mut operation.request_body {
        leave_out_null(body);
    }
    if endpoint.access() != Access::Anyone {
        let scopes: [&str; 0] = [];
        let either = ["bearer", "password"].map(|name| SecurityRequirement::new(name, scopes));
        operation.security = Some(either.to_vec());
    }
    let mut refused = BTreeMap::new();
    let mut refusals = problems::of_use_case(endpoint);
    for part in parts(&operation)? {
        refusals.extend(part.refusals());
    }
    refusals.extend(of_access_control(endpoint));
    for (status, problems) in by_status(refusals) {
        let response = shared.refusal(endpoint, status, &problems)?;
        refused.insert(status.to_string(), response);
    }
    for (status, response) in &mut operation.responses.responses {
        let RefOr::T(response) = response else {
            bail!("{endpoint:?}: response {status} must not be a reference");
        };
        share_headers(endpoint, response)?;
    }
    operation.responses.responses.extend(refused);
    let parameters = operation.parameters.get_or_insert_default();
    parameters.extend(headers::parameter_references());
    Ok(operation)
}

/// Describes a body that the handler takes as an `Option`: it may be omitted, but is never `null`.
fn leave_out_null(body: &mut RequestBody) {
    for content in body.content.values_mut() {
        let RefOr::T(content) = content else { continue };
        let Some(RefOr::T(Schema::OneOf(choice))) = &content.schema else {
            continue;
        };
        let mut others = choice.items.iter().filter(|item| !is_null(item));
        if let (Some(only), None) = (others.next(), others.next()) {
            content.schema = Some(only.clone());
            body.required = Some(Required::False);
        }
    }
}

fn is_null(schema: &RefOr<Schema>) -> bool {
    let null = SchemaType::Type(Type::Null);
    matches!(schema, RefOr::T(Schema::Object(object)) if object.schema_type == null)
}

/// Returns the parts of a request, from the handler's documentation.
fn parts(operation: &Operation) -> Result<Vec<Part>> {
    let mut parts = Vec::new();
    if let Some(RefOr::T(body)) = &operation.request_body {
        let types: Vec<_> = body.content.keys().map(String::as_str).collect();
        parts.push(match types.as_slice() {
            ["application/json"] => Part::Json,
            ["application/merge-patch+json", "application/json"]
            | ["application/json", "application/merge-patch+json"] => Part::MergePatch,
            ["application/json", "application/x-ndjson"]
            | ["application/x-ndjson", "application/json"] => Part::Lines,
            ["application/x-www-form-urlencoded"] => Part::Form,
            others => bail!("no extractor accepts {others:?}"),
        });
    }
    let parameters = operation.parameters.iter().flatten();
    let owned = parameters.filter_map(|parameter| match parameter {
        RefOr::T(parameter) => Some(parameter),
        RefOr::Ref(_) => None,
    });
    for parameter in owned {
        let part = match (&parameter.parameter_in, parameter.name.as_str()) {
            (ParameterIn::Path, _) => continue,
            (ParameterIn::Query, _) => Part::Query,
            (ParameterIn::Header, "If-Match") => Part::IfMatch,
            (ParameterIn::Header, "If-None-Match") => Part::IfNoneMatch,
            (ParameterIn::Header, "Idempotency-Key") => Part::IdempotencyKey,
            (_, name) => bail!("no extractor accepts {name}"),
        };
        if !parts.contains(&part) {
            parts.push(part);
        }
    }
    Ok(parts)
}

/// Groups the problems by status; the first problem of each code is kept, as its example.
fn by_status(refusals: Vec<Problem>) -> BTreeMap<u16, Vec<Problem>> {
    let mut by_status = BTreeMap::<u16, Vec<Problem>>::new();
    for refusal in refusals {
        let same = by_status.entry(refusal.status().as_u16()).or_default();
        if same.iter().all(|other| other.code() != refusal.code()) {
            same.push(refusal);
        }
    }
    by_status
}

/// Returns the response with one of `problems`.
fn refusal(status: u16, problems: &[Problem]) -> Result<Response> {
    let examples = problems.iter().map(|problem| {
        let code = problem.code();
        let reference = Ref::new(format!("#/components/examples/{code}"));
        (code, RefOr::<Example>::Ref(reference))
    });
    let content = ContentBuilder::new()
        .schema(Some(narrowed(status, problems)))
        .examples_from_iter(examples);
    let described = problems
        .iter()
        .map(|problem| format!("- `{}`: {}", problem.code(), problem.detail()));
    let description = described.collect::<Vec<_>>().join("\n");
    let mut response = ResponseBuilder::new()
        .description(description)
        .content("application/problem+json", content.build())
        .build();
    for (name, _) in problems.iter().flat_map(Problem::headers) {
        let name = headers::named(name.as_str())
            .with_context(|| format!("the header {name} is not described"))?;
        response
            .headers
            .insert(name.to_owned(), headers::reference(name));
    }
    Ok(response)
}

fn example(problem: &Problem) -> Result<RefOr<Example>> {
    let document = problem.render(Endpoint::ListUsers.path(), headers::REQUEST_ID_EXAMPLE);
    let document: Value = serde_json::from_slice(&document)?;
    Ok(RefOr::T(
        ExampleBuilder::new().value(Some(document)).build(),
    ))
}

/// Returns the schema of a problem document with this status and one of these codes.
fn narrowed(status: u16, problems: &[Problem]) -> Schema {
    let status = ObjectBuilder::new()
        .schema_type(Type::Integer)
        .enum_values(Some([status]));
    let codes = ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(problems.iter().map(Problem::code)));
    let these = ObjectBuilder::new()
        .schema_type(Type::Object)
        .property("status", status)
        .property("code", codes);
    let all = AllOfBuilder::new()
        .item(Ref::from_schema_name("Problem"))
        .item(these);
    Schema::AllOf(all.build())
}

/// Describes the headers that the handler only names, and adds those that the endpoint always has.
fn share_headers(endpoint: Endpoint, response: &mut Response) -> Result<()> {
    let mut names: Vec<_> = response.headers.keys().cloned().collect();
    names.push("X-Request-ID".to_owned());
    if endpoint.limit() == Limit::General {
        names.extend(["RateLimit".to_owned(), "RateLimit-Policy".to_owned()]);
    }
    for name in names {
        let known =
            headers::named(&name).with_context(|| format!("the header {name} is not described"))?;
        response.headers.insert(name, headers::reference(known));
    }
    Ok(())
}

/// Converts `ListUsers` to `list_users`.
fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}
