//! SQL of a page: filters, the position after which it begins, and the total.
//!
//! The text is composed of constants only; every value is a parameter.

use spin_pg_bindings::postgres::Param;

use super::Position;

/// Conditions and their parameters.
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

    /// Adds a condition; `condition` names its parameter `$?`.
    pub(crate) fn add(&mut self, condition: &str, param: impl Into<Param>) {
        let condition = condition.replace("$?", &self.push(param));
        self.conditions.push(condition);
    }

    /// Adds the condition if there is a value to filter by.
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

/// Source and order of a list, all constants of the code.
pub(crate) struct Order {
    pub(crate) table: &'static str,
    /// Columns selected from a row of the page.
    pub(crate) columns: &'static str,
    /// Sort key: a column with its collation.
    pub(crate) column: &'static str,
    /// The position's key as the column's type, with `$?` for the parameter.
    pub(crate) cast: &'static str,
    pub(crate) descending: bool,
}

/// Returns the statement of one page and its parameters. It selects one row more than `limit`, which
/// shows that there is a next page, and the `total` on each row. The page is joined to the total, so that
/// an empty page has it too.
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
