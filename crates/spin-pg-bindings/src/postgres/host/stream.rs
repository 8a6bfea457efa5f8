//! The rows of one statement as the host sends them.

use std::sync::Arc;
use std::time::Duration;

use super::convert;
use crate::bindings::postgres as host;
use crate::clock::timer;
use crate::held::Failure;
use crate::postgres::{Error, Row};
use crate::race::{answered_at_once, before};

/// The rows of a statement, one by one.
pub struct RowStream {
    names: Arc<[String]>,
    columns: Vec<host::Column>,
    rows: wit_bindgen::StreamReader<host::Row>,
    /// Whether the statement succeeded; gone once that was told.
    result: Option<wit_bindgen::FutureReader<Result<(), host::Error>>>,
    deadline: Duration,
    /// Open for as long as its rows are read.
    _connection: Arc<host::Connection>,
}

/// Sends the statement.
pub(super) async fn start(
    connection: Arc<host::Connection>,
    sql: &str,
    params: Vec<host::ParameterValue>,
) -> Result<RowStream, Failure<Error>> {
    let call = connection.query_async(sql.to_owned(), params);
    let (answer, at_once) = answered_at_once(call).await;
    let (columns, rows, result) = answer.map_err(|error| Failure {
        error: convert::error(error),
        sent: !at_once,
    })?;
    Ok(RowStream {
        names: columns.iter().map(|column| column.name.clone()).collect(),
        columns,
        rows,
        result: Some(result),
        deadline: Duration::MAX,
        _connection: connection,
    })
}

impl RowStream {
    /// Bounds the wait for each row.
    pub(super) fn with_deadline(self, deadline: Duration) -> Self {
        Self { deadline, ..self }
    }

    /// The next row; `None` when the statement succeeded and there are no more.
    ///
    /// # Errors
    /// What ended the statement, once; nothing comes after it.
    pub async fn next(&mut self) -> Result<Option<Row>, Error> {
        let deadline = self.deadline;
        let mut timer = timer(deadline);
        let row = before(&mut timer, async {
            match self.rows.next().await {
                Some(values) => self.row(values).map(Some),
                None => self.finish().await.map(|()| None),
            }
        });
        row.await.ok_or(Error::Timeout(deadline))?
    }

    /// All rows. Errors of the execution, a violated constraint for one, come only at the end.
    pub(super) async fn collect(mut self) -> Result<Vec<Row>, Error> {
        let mut rows = Vec::new();
        while let Some(values) = self.rows.next().await {
            rows.push(self.row(values)?);
        }
        self.finish().await?;
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

    async fn finish(&mut self) -> Result<(), Error> {
        match self.result.take() {
            Some(result) => result.await.map_err(convert::error),
            None => Ok(()),
        }
    }
}
