//! Rows of one statement as the host sends them.

use std::sync::Arc;

use super::convert;
use crate::bindings::postgres as host;
use crate::pool::Failure;
use crate::postgres::{Error, Row};
use crate::race::await_with_immediate_flag;

/// Rows of a sent statement.
pub(super) struct Rows {
    names: Arc<[String]>,
    columns: Vec<host::Column>,
    rows: wit_bindgen::StreamReader<host::Row>,
    result: wit_bindgen::FutureReader<Result<(), host::Error>>,
}

impl Rows {
    /// Sends the statement.
    pub(super) async fn of(
        connection: &host::Connection,
        sql: String,
        params: Vec<host::ParameterValue>,
    ) -> Result<Self, Failure<Error>> {
        let call = connection.query_async(sql, params);
        let (response, at_once) = await_with_immediate_flag(call).await;
        let (columns, rows, result) = response.map_err(|error| Failure {
            error: convert::error(error),
            sent: !at_once,
        })?;
        Ok(Self {
            names: columns.iter().map(|column| column.name.clone()).collect(),
            columns,
            rows,
            result,
        })
    }

    /// Returns all rows. Execution errors, such as a violated constraint, come at the end.
    pub(super) async fn collect(mut self) -> Result<Vec<Row>, Error> {
        let mut rows = Vec::new();
        while let Some(values) = self.rows.next().await {
            rows.push(self.row(values)?);
        }
        self.result.await.map_err(convert::error)?;
        Ok(rows)
    }

    fn row(&self, values: Vec<host::DbValue>) -> Result<Row, Error> {
        let values = values.into_iter().zip(&self.columns);
        let values = values.map(|(value, column)| convert::value(value, column));
        Ok(Row::new(
            self.names.clone(),
            values.collect::<Result<_, _>>()?,
        ))
    }
}
