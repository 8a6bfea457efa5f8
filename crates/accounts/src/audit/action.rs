//! Actions of the audit trail.

use strum::{EnumString, IntoStaticStr, VariantNames};

/// Action that a statement records, under the variant's name in snake case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum Action {
    AdminBootstrapped,
    EmailChanged,
    LoginFailed,
    LoginSucceeded,
    LoginThrottled,
    NameChanged,
    PasswordChanged,
    PasswordReset,
    RefreshFailed,
    RefreshReplayed,
    ResetFailed,
    ResetTokenCreated,
    RoleChanged,
    SessionEnded,
    SessionsEnded,
    UserActivated,
    UserCreated,
    UserDeactivated,
    UserDeleted,
    UserImported,
    UserRegistered,
}

/// Names of all actions, in alphabetical order.
pub const ACTIONS: &[&str] = Action::VARIANTS;

impl Action {
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        text.parse().map_err(|_| "is not a known audit action")
    }
}
