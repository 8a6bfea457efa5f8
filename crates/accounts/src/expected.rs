//! Versions that a change may start from.

use crate::Error;

/// A condition on the version of the changed object, evaluated in the statement of the change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expected {
    any_of: Option<Vec<i64>>,
    none_of: Vec<i64>,
    /// True if the object must not exist, so that no version of it may be changed.
    is_absent: bool,
}

impl Expected {
    /// Requires one of `any_of` (`None`: any version) and none of `none_of`.
    pub fn new(any_of: Option<Vec<i64>>, none_of: Vec<i64>) -> Self {
        Self {
            any_of,
            none_of,
            is_absent: false,
        }
    }

    /// Requires that the object does not exist.
    pub fn absent() -> Self {
        Self {
            is_absent: true,
            ..Self::default()
        }
    }

    /// Returns the error for an object in another version; `None` when there is no condition. If there are
    /// conditions of both kinds, the required versions decide, as they are compared first.
    pub(crate) fn unmet(&self) -> Option<Error> {
        match self.any_of {
            _ if *self == Self::default() => None,
            Some(_) => Some(Error::Stale),
            None => Some(Error::Excluded),
        }
    }

    pub(crate) fn allows(&self, version: i64) -> bool {
        let any_of = self.any_of.as_ref();
        !self.is_absent
            && any_of.is_none_or(|versions| versions.contains(&version))
            && !self.none_of.contains(&version)
    }

    /// Returns the parameters of a statement: any of, and none of.
    pub(crate) fn into_parts(self) -> (Option<Vec<i64>>, Option<Vec<i64>>) {
        let any_of = match self.is_absent {
            // Every existing object has a version.
            true => Some(Vec::new()),
            false => self.any_of,
        };
        (any_of, Some(self.none_of))
    }
}

impl From<Option<Vec<i64>>> for Expected {
    fn from(any_of: Option<Vec<i64>>) -> Self {
        Self::new(any_of, Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_must_satisfy_both_lists() {
        assert!(Expected::from(None).allows(1));
        let one = Expected::from(Some(vec![1]));
        assert!(one.allows(1) && !one.allows(2));
        let not_one = Expected::new(None, vec![1]);
        assert!(!not_one.allows(1) && not_one.allows(2));
        assert!(!Expected::new(Some(vec![1]), vec![1]).allows(1));
        assert!(!Expected::from(Some(vec![])).allows(1));
        assert!(!Expected::absent().allows(1));
        assert_eq!(
            Expected::absent().into_parts(),
            (Some(vec![]), Some(vec![]))
        );
    }

    #[test]
    fn the_error_names_the_condition() {
        assert_eq!(Expected::from(None).unmet(), None);
        for required in [
            Expected::from(Some(vec![])),
            Expected::new(Some(vec![1]), vec![2]),
        ] {
            assert_eq!(required.unmet(), Some(Error::Stale), "{required:?}");
        }
        for excluded in [Expected::new(None, vec![1]), Expected::absent()] {
            assert_eq!(excluded.unmet(), Some(Error::Excluded), "{excluded:?}");
        }
    }
}
