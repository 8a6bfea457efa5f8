//! Invalid values in problem documents.

use std::borrow::Cow;

use accounts::FieldError;
use serde::Serialize;
use utoipa::ToSchema;

/// An invalid value of the input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = FieldError)]
pub struct InvalidValue {
    /// The reason, for people.
    pub detail: Cow<'static, str>,
    /// The position of the value: a JSON Pointer in URI fragment form (RFC 6901, section 6).
    pub pointer: String,
}

impl InvalidValue {
    pub(crate) fn new(pointer: impl Into<String>, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            detail: detail.into(),
            pointer: pointer.into(),
        }
    }
}

/// Fields are top-level members of the body, or parameters. Members have names that a pointer contains as they are.
impl From<FieldError> for InvalidValue {
    fn from(error: FieldError) -> Self {
        let pointer = match &error.member {
            Some(member) => format!("#/{}/{member}", error.field),
            None => format!("#/{}", error.field),
        };
        Self::new(pointer, error.detail)
    }
}
