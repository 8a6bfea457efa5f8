//! Versions that a change may start from.

/// A condition on the version of the changed object, evaluated in the statement of the change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expected {
    any_of: Option<Vec<i64>>,
    none_of: Vec<i64>,
}

impl Expected {
    /// Requires one of `any_of` (`None`: any version) and none of `none_of`.
    pub fn new(any_of: Option<Vec<i64>>, none_of: Vec<i64>) -> Self {
        Self { any_of, none_of }
    }

    /// True when there is a condition.
    pub(crate) fn is_conditional(&self) -> bool {
        *self != Self::default()
    }

    pub(crate) fn allows(&self, version: i64) -> bool {
        let any_of = self.any_of.as_ref();
        any_of.is_none_or(|versions| versions.contains(&version))
            && !self.none_of.contains(&version)
    }

    /// Returns the parameters of a statement: any of, and none of.
    pub(crate) fn into_parts(self) -> (Option<Vec<i64>>, Option<Vec<i64>>) {
        (self.any_of, Some(self.none_of))
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
        let any = Expected::from(None);
        assert!(any.allows(1) && !any.is_conditional());
        let one = Expected::from(Some(vec![1]));
        assert!(one.allows(1) && !one.allows(2) && one.is_conditional());
        let not_one = Expected::new(None, vec![1]);
        assert!(!not_one.allows(1) && not_one.allows(2) && not_one.is_conditional());
        assert!(!Expected::new(Some(vec![1]), vec![1]).allows(1));
        assert!(!Expected::from(Some(vec![])).allows(1));
    }
}
