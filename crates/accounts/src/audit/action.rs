//! Actions of the audit trail.

use strum::{EnumString, IntoStaticStr, VariantNames};

/// Action that a statement records, under the variant's name in snake case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum Action {
    AdminBootstrapped,
    ApiKeyCreated,
    ApiKeyDeleted,
    AttributesChanged,
    EmailChanged,
    LoginFailed,
    LoginSucceeded,
    LoginThrottled,
    NameChanged,
    PasswordChanged,
    PasswordHashesExported,
    PasswordReset,
    RefreshFailed,
    RefreshReplayed,
    ResetFailed,
    ResetTokenCreated,
    RoleChanged,
    ServiceAccountChanged,
    ServiceAccountCreated,
    ServiceAccountDeleted,
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use super::{ACTIONS, Action};

    /// Actions that are passed as parameters.
    const PASSED: [Action; 2] = [Action::UserCreated, Action::UserRegistered];

    /// Other quoted words of statements that read or write the audit trail: members of JSON objects, a sequence, roles.
    const OTHERS: [&str; 13] = [
        "actor_id",
        "audit_position",
        "created_at",
        "expires_at",
        "full_name",
        "is_active",
        "last_used_at",
        "last_used_on",
        "request_id",
        "roster_app",
        "roster_probe",
        "target_id",
        "updated_at",
    ];

    /// Returns true for words joined with underscores, as every action is.
    fn is_joined(text: &str) -> bool {
        let is_word =
            |word: &str| !word.is_empty() && word.bytes().all(|it| it.is_ascii_lowercase());
        text.contains('_') && text.split('_').all(is_word)
    }

    /// Collects the quoted names of the files below `folder` that read or write the audit trail.
    fn collect(folder: &Path, names: &mut BTreeSet<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                collect(&path, names);
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            if text.contains("INTO audit") || text.contains("FROM audit") {
                let quoted = text.split('\'').filter(|part| is_joined(part));
                names.extend(quoted.map(str::to_owned));
            }
        }
    }

    #[test]
    fn statements_name_every_action_and_no_other() {
        let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let mut names = BTreeSet::from(PASSED.map(|action| action.into_str().to_owned()));
        for folder in [
            "accounts/src",
            "admin/src",
            "../components",
            "../migrations",
        ] {
            collect(&crates.join(folder), &mut names);
        }
        names.retain(|name| !OTHERS.contains(&name.as_str()));
        let actions: BTreeSet<String> = ACTIONS.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(names, actions);
    }
}
