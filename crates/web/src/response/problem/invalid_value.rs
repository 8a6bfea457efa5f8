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

/// Fields are top-level members of the body, or parameters.
impl From<FieldError> for InvalidValue {
    fn from(FieldError { field, detail }: FieldError) -> Self {
        Self::new(format!("#/{field}"), detail)
    }
}
