//! Findings of checks: problems with their places.

use std::fmt::{self, Display, Formatter};

/// Displayed as `prod: PodDisruptionBudget users: spec.selector matches no pod`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    pub environment: String,
    /// Kind and name of the object, or a file's path.
    pub subject: String,
    pub problem: String,
}

impl Display for Finding {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        let Self {
            environment,
            subject,
            problem,
        } = self;
        write!(f, "{environment}: {subject}: {problem}")
    }
}

/// Findings of one check in one environment.
pub struct Findings {
    environment: String,
    found: Vec<Finding>,
}

impl Findings {
    pub fn of(environment: &str) -> Self {
        Self {
            environment: environment.to_owned(),
            found: Vec::new(),
        }
    }

    pub fn add(&mut self, subject: impl Display, problem: impl Into<String>) {
        self.found.push(Finding {
            environment: self.environment.clone(),
            subject: subject.to_string(),
            problem: problem.into(),
        });
    }

    /// Adds the problem unless the rule holds.
    pub fn expect(&mut self, holds: bool, subject: impl Display, problem: impl Into<String>) {
        if !holds {
            self.add(subject, problem);
        }
    }

    pub fn into_vec(self) -> Vec<Finding> {
        self.found
    }
}
