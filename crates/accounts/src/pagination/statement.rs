//! SQL of a page: filters, the position after which it begins, and the total.
//!
//! The text is composed of constants only; every value is a parameter.

use spin_pg_bindings::postgres::{self, Database, FromRow, Param, Row};
use uuid::Uuid;

use super::{Page, Position, Window};
use crate::Error;

/// Conditions and their parameters.
pub struct Filters {
    conditions: Vec<String>,
    params: Vec<Param>,
}

impl Filters {
    /// Creates filters that every row matches.
    pub fn none() -> Self {
        Self {
            conditions: vec!["true".into()],
            params: Vec::new(),
        }
    }

    /// Adds a condition; `condition` names its parameter `$?`.
    pub fn add(&mut self, condition: &str, param: impl Into<Param>) {
        let condition = condition.replace("$?", &self.push(param));
        self.conditions.push(condition);
    }

    /// Adds a condition with two parameters, in the order of its `$?`.
    pub fn add_two(&mut self, condition: &str, first: impl Into<Param>, second: impl Into<Param>) {
        let condition = condition.replacen("$?", &self.push(first), 1);
        let condition = condition.replacen("$?", &self.push(second), 1);
        self.conditions.push(condition);
    }

    /// Adds the condition if there is a value to filter by.
    pub fn add_option(&mut self, condition: &str, param: Option<impl Into<Param>>) {
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
pub struct Source {
    pub table: &'static str,
    /// Columns selected from a row of the page.
    pub columns: &'static str,
    /// Sort key: a column with its collation.
    pub column: &'static str,
    /// The position's key as the column's type, with `$?` for the parameter.
    pub cast: &'static str,
    pub descending: bool,
}

/// Reads one page. `position_of` returns the position of an item in the order.
pub async fn read<T: FromRow>(
    database: &dyn Database,
    source: &Source,
    filters: Filters,
    window: &Window,
    position_of: impl FnOnce(&T) -> Position,
) -> Result<Page<T>, Error> {
    let (sql, params) = page(source, filters, window);
    let rows: Vec<PageRow<T>> = database.read_as(&sql, params).await?;
    let total = rows.first().and_then(|row| row.total);
    let items = rows.into_iter().filter_map(|row| row.item).collect();
    Ok(Page::cut(items, window.size, total, position_of))
}

/// A row of a page: an empty page has one row with the total and without an item.
struct PageRow<T> {
    total: Option<i64>,
    item: Option<T>,
}

impl<T: FromRow> FromRow for PageRow<T> {
    fn from_row(row: &Row) -> Result<Self, postgres::Error> {
        let id: Option<Uuid> = row.get("id")?;
        Ok(Self {
            total: row.get("total")?,
            item: id.map(|_| T::from_row(row)).transpose()?,
        })
    }
}

/// Returns the statement of one page and its parameters. It selects one row more than the page's size, which
/// shows that there is a next page, and the `total` on each row. The page is joined to the total, so that
/// an empty page has it too.
fn page(source: &Source, mut filters: Filters, window: &Window) -> (String, Vec<Param>) {
    let Source {
        table,
        columns,
        column,
        ..
    } = source;
    let counted = filters.all();
    let (comparison, direction) = match source.descending {
        true => ("<", "DESC"),
        false => (">", "ASC"),
    };
    if let Some(position) = &window.after {
        let key = source
            .cast
            .replace("$?", &filters.push(position.key.as_str()));
        filters.add(
            &format!("({column}, id) {comparison} ({key}, $?)"),
            position.id,
        );
    }
    let limit = filters.push(window.size.get() + 1);
    let conditions = filters.all();
    let total = match window.include_total {
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
