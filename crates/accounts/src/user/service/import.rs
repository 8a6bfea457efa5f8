//! Import of users from another system.

use std::collections::{HashMap, HashSet};

use super::{Users, store};
use crate::audit::Actor;
use crate::user::imported::{ImportedUser, LineOutcome};
use crate::{Error, FieldError};

/// Runs of the statement before it gives up on lines that concurrent requests create.
const TRIES: usize = 4;

const REPEATED: &str = "is also in an earlier line";

/// Number of a line, and its user or the reasons why it is invalid.
pub type Line = (usize, Result<ImportedUser, Vec<FieldError>>);

impl Users {
    /// Creates the users of the lines that are valid and name no existing user, in one statement. Returns one outcome
    /// per line, in the same order. Existing users remain as they are, so a repeated import changes nothing.
    pub async fn import_users(
        &self,
        lines: Vec<Line>,
        actor: &Actor,
    ) -> Result<Vec<(usize, LineOutcome)>, Error> {
        let mut outcomes = HashMap::new();
        let order: Vec<usize> = lines.iter().map(|(number, _)| *number).collect();
        let mut users = valid(lines, &mut outcomes);
        for _ in 0..TRIES {
            if users.is_empty() {
                break;
            }
            for (line, outcome) in store::import::import(&*self.database, &users, actor).await? {
                outcomes.insert(line, outcome);
            }
            users.retain(|(line, _)| !outcomes.contains_key(line));
        }
        if !users.is_empty() {
            return Err(Error::Unavailable(
                "imported users are neither new nor found after every retry".into(),
            ));
        }
        let outcome = |line| outcomes.remove(&line).map(|outcome| (line, outcome));
        Ok(order.into_iter().filter_map(outcome).collect())
    }
}

/// Returns the users of the valid lines, and records the rejection of all others: those with errors, and those with the
/// id, email or external id of an earlier line.
fn valid(
    lines: Vec<Line>,
    outcomes: &mut HashMap<usize, LineOutcome>,
) -> Vec<(usize, ImportedUser)> {
    let mut users = Vec::new();
    let (mut ids, mut emails, mut external_ids) = (HashSet::new(), HashSet::new(), HashSet::new());
    for (line, parsed) in lines {
        let errors = match &parsed {
            Ok(user) => {
                let external_id = user.external_id.as_ref();
                let repeated = [
                    ("id", user.id.is_some_and(|id| ids.contains(&id))),
                    ("email", emails.contains(&user.email)),
                    (
                        "external_id",
                        external_id.is_some_and(|id| external_ids.contains(id)),
                    ),
                ];
                let repeated = repeated.into_iter().filter(|(_, repeated)| *repeated);
                repeated
                    .map(|(field, _)| FieldError::new(field, REPEATED))
                    .collect()
            }
            Err(errors) => errors.clone(),
        };
        match parsed {
            Ok(user) if errors.is_empty() => {
                ids.extend(user.id);
                emails.insert(user.email.clone());
                external_ids.extend(user.external_id.clone());
                users.push((line, user));
            }
            _ => {
                outcomes.insert(line, LineOutcome::Rejected(errors));
            }
        }
    }
    users
}
