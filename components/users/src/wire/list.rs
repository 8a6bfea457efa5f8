//! Query of the list of users.

use accounts::error::FieldErrors;
use accounts::user::attributes::AttributeFilter;
use accounts::user::email::Email;
use accounts::user::external_id::ExternalId;
use accounts::user::full_name::FullName;
use accounts::user::service::list::{ListQuery, Sort, SortKey};
use accounts::{Error, Role};
use serde::Deserialize;
use serde_json::json;
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn, ParameterStyle};
use utoipa::openapi::{Object, ObjectBuilder, RefOr, Required, Schema, Type};
use web::extract::parameter::{first_page, parse_flag, parse_page_size, parse_time};

/// Sort keys by their names.
const SORT_KEYS: [(&str, SortKey); 4] = [
    ("created_at", SortKey::CreatedAt),
    ("updated_at", SortKey::UpdatedAt),
    ("email", SortKey::Email),
    ("full_name", SortKey::FullName),
];

/// Query of `GET /api/v1/users`. Fields are text, so that each error can describe the expected value.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ListUsers {
    /// `next` of the previous page. All parameters except `limit` and `include_total` must be the same as for
    /// that page.
    pub cursor: Option<String>,
    #[param(schema_with = web::openapi::limit)]
    limit: Option<String>,
    #[param(schema_with = sort)]
    sort: Option<String>,
    /// Only the user with this email.
    #[param(format = "email", max_length = 254)]
    email: Option<String>,
    /// Only the user with this `external_id`.
    #[param(min_length = 1, max_length = 200)]
    external_id: Option<String>,
    /// Only users with this role.
    #[param(value_type = Option<Role>, inline)]
    role: Option<String>,
    /// Only users who can (`true`) or cannot (`false`) sign in.
    #[param(value_type = Option<bool>)]
    is_active: Option<String>,
    #[param(schema_with = prefix)]
    q: Option<String>,
    /// Only users created after this time (RFC 3339).
    #[param(value_type = Option<OffsetDateTime>)]
    created_after: Option<String>,
    /// Only users created before this time (RFC 3339).
    #[param(value_type = Option<OffsetDateTime>)]
    created_before: Option<String>,
    /// `true` adds `total`, the number of users on all pages.
    #[param(value_type = Option<bool>, default = false)]
    include_total: Option<String>,
}

/// Parameters `attributes.NAME` of the same endpoint. In the document they are the members of one object, each of which
/// is a parameter of its own (style `form`, exploded).
pub struct AttributeParameters;

impl AttributeParameters {
    /// Prefix of the names.
    pub const PREFIX: &str = "attributes.";
}

impl IntoParams for AttributeParameters {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let text = |pattern| {
            ObjectBuilder::new()
                .schema_type(Type::String)
                .pattern(Some(pattern))
        };
        let members = ObjectBuilder::new()
            .property_names(Some(text(r"^attributes\.[A-Za-z][A-Za-z0-9_-]{0,63}$")))
            .additional_properties(Some(Schema::from(text(r"^[^\u0000]*$"))))
            .examples([json!({ "attributes.department": "Sales" })]);
        let parameter = ParameterBuilder::new()
            .name("attributes")
            .parameter_in(ParameterIn::Query)
            .required(Required::False)
            .style(Some(ParameterStyle::Form))
            .explode(Some(true))
            .description(Some(
                "Only users whose attributes have these values, each with its name: `attributes.department=Sales`.",
            ))
            .schema(Some(members));
        vec![parameter.build()]
    }
}

impl ListUsers {
    /// Parses the parameters and those of attributes, by name and value, and reports all errors at once.
    pub fn parse(&self, attributes: &[(String, String)]) -> Result<ListQuery, Error> {
        let mut errors = FieldErrors::default();
        let limit = errors.parse("limit", self.limit.as_deref(), parse_page_size);
        let sort = errors.parse("sort", self.sort.as_deref(), parse_sort);
        let after = self.created_after.as_deref();
        let before = self.created_before.as_deref();
        let total = self.include_total.as_deref();
        let query = ListQuery {
            sort: sort.unwrap_or_default(),
            email: errors.parse("email", self.email.as_deref(), Email::parse),
            external_id: errors.parse(
                "external_id",
                self.external_id.as_deref(),
                ExternalId::parse,
            ),
            role: errors.parse("role", self.role.as_deref(), Role::parse),
            is_active: errors.parse("is_active", self.is_active.as_deref(), parse_flag),
            attributes: attributes
                .iter()
                .filter_map(|(name, value)| {
                    errors.check("attributes", AttributeFilter::parse(name, value))
                })
                .collect(),
            prefix: errors.parse("q", self.q.as_deref(), FullName::parse),
            created_after: errors.parse("created_after", after, parse_time),
            created_before: errors.parse("created_before", before, parse_time),
            window: first_page(limit, errors.parse("include_total", total, parse_flag)),
        };
        errors.finish(Some(query))
    }
}

/// Parses a key, with the prefix `-` for the descending order.
fn parse_sort(text: &str) -> Result<Sort, &'static str> {
    const WRONG: &str =
        "must be created_at, updated_at, email or full_name, optionally with the prefix `-`";
    let name = text.strip_prefix('-').unwrap_or(text);
    let key = SORT_KEYS.iter().find(|(known, _)| *known == name);
    let (_, key) = *key.ok_or(WRONG)?;
    Ok(Sort {
        key,
        descending: text.starts_with('-'),
    })
}

/// The parameter `sort`.
fn sort() -> Object {
    let orders = SORT_KEYS
        .iter()
        .flat_map(|(name, _)| [(*name).to_owned(), format!("-{name}")]);
    ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some(
            "Sort key; the prefix `-` sorts in descending order. Equal keys are sorted by id.",
        ))
        .enum_values(Some(orders))
        .default(Some("-created_at".into()))
        .build()
}

/// The parameter `q`, validated like a name.
fn prefix() -> RefOr<Schema> {
    let mut schema = <FullName as utoipa::PartialSchema>::schema();
    if let RefOr::T(Schema::Object(object)) = &mut schema {
        let description = "Only users whose email or name begins with this text, ignoring case \
             (Unicode case folding).";
        object.description = Some(description.to_owned());
        object.example = None;
    }
    schema
}

#[cfg(test)]
mod tests;
