//! The SQL of a page: filters, the position behind which it begins, and the total beside it.
//!
//! The text is put together from constants only; every value is a parameter.

use spin_pg_bindings::postgres::Param;

use super::Position;

/// Conditions, with the parameters that they take.
pub(crate) struct Filters {
    conditions: Vec<String>,
    params: Vec<Param>,
}

impl Filters {
    pub(crate) fn new() -> Self {
        Self {
            conditions: vec!["true".into()],
            params: Vec::new(),
        }
    }

    /// `condition` names its parameter `$?`.
    pub(crate) fn add(&mut self, condition: &str, param: impl Into<Param>) {
        let condition = condition.replace("$?", &self.push(param));
        self.conditions.push(condition);
    }

    /// The same when there is a value to filter by.
    pub(crate) fn add_option(&mut self, condition: &str, param: Option<impl Into<Param>>) {
        if let Some(param) = param {
            self.add(condition, param);
        }
    }

    fn push(&mut self, param: impl Into<Param>) -> String {
        self.params.push(param.into());
        format!("${}", self.params.len())
    }

    fn all(&self) -> String {
        self.conditions.join(" AND ")
    }
}

/// What a list reads and how it is ordered; all of it constants of the code.
pub(crate) struct Order {
    pub(crate) table: &'static str,
    /// What is selected of a row of the page.
    pub(crate) columns: &'static str,
    /// The sort key, a column with its collation.
    pub(crate) column: &'static str,
    /// The position's key as the column's type, with `$?` for the parameter.
    pub(crate) cast: &'static str,
    pub(crate) descending: bool,
}

/// The statement of one page and its parameters. It selects one row more than `limit`, so that the
/// page knows whether there is a next one, and the `total` on each row; the total stands in a row
/// of its own kind, so that an empty page has it too.
pub(crate) fn page(
    order: &Order,
    mut filters: Filters,
    after: Option<&Position>,
    limit: i64,
    include_total: bool,
) -> (String, Vec<Param>) {
    let Order {
        table,
        columns,
        column,
        ..
    } = order;
    let counted = filters.all();
    let (comparison, direction) = match order.descending {
        true => ("<", "DESC"),
        false => (">", "ASC"),
    };
    if let Some(position) = after {
        let key = order
            .cast
            .replace("$?", &filters.push(position.key.as_str()));
        filters.add(
            &format!("({column}, id) {comparison} ({key}, $?)"),
            position.id,
        );
    }
    let limit = filters.push(limit + 1);
    let conditions = filters.all();
    let total = match include_total {
        true => format!("(SELECT count(*) FROM {table} WHERE {counted})"),
        false => "NULL::bigint".to_owned(),
    };
    let sql = format!(
        "WITH page AS (
            SELECT * FROM {table} WHERE {conditions}
            ORDER BY {column} {direction}, id {direction} LIMIT {limit}
         )
         SELECT total, {columns} FROM (SELECT {total} AS total) AS counted LEFT JOIN page ON true
         ORDER BY page.{column} {direction}, id {direction}"
    );
    (sql, filters.params)
}
