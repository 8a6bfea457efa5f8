//! Passes the rows of a query to the guest, as a stream and a future with the outcome.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures::Stream;
use tokio::sync::oneshot;
use wasmtime::StoreContextMut;
use wasmtime::component::{Destination, StreamProducer, StreamResult, VecBuffer};

use crate::bindings::postgres::{DbValue, Error};

type RowStream = Pin<Box<dyn Stream<Item = Result<Vec<DbValue>, Error>> + Send>>;

/// Rows passed at once when the guest does not state how many it takes.
const BATCH: usize = 32;

/// Reads rows on the guest's demand.
pub struct RowProducer {
    rows: RowStream,
    end: Option<oneshot::Sender<Result<(), Error>>>,
}

impl RowProducer {
    /// Creates a producer of the rows; the receiver gets the error that ended them, or `Ok`.
    pub fn new(rows: RowStream) -> (Self, oneshot::Receiver<Result<(), Error>>) {
        let (end, ended) = oneshot::channel();
        let end = Some(end);
        (Self { rows, end }, ended)
    }

    fn finish(&mut self, result: Result<(), Error>) {
        if let Some(end) = self.end.take() {
            // The guest may have dropped the future.
            let _ = end.send(result);
        }
    }
}

impl Drop for RowProducer {
    fn drop(&mut self) {
        // A guest that stops reading has all the rows that it needs.
        self.finish(Ok(()));
    }
}

impl<D> StreamProducer<D> for RowProducer {
    type Item = Vec<DbValue>;
    type Buffer = VecBuffer<Self::Item>;

    fn poll_produce<'a>(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        store: StoreContextMut<'a, D>,
        mut destination: Destination<'a, Self::Item, Self::Buffer>,
        finish: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        let wanted = destination.remaining(store).unwrap_or(BATCH);
        if wanted == 0 {
            return Poll::Ready(Ok(StreamResult::Completed));
        }
        let mut batch = Vec::new();
        let result = loop {
            match self.rows.as_mut().poll_next(cx) {
                Poll::Ready(Some(Ok(row))) => {
                    batch.push(row);
                    if batch.len() >= wanted {
                        break StreamResult::Completed;
                    }
                }
                Poll::Ready(Some(Err(error))) => {
                    self.finish(Err(error));
                    break StreamResult::Dropped;
                }
                Poll::Ready(None) => {
                    self.finish(Ok(()));
                    break StreamResult::Dropped;
                }
                Poll::Pending if !batch.is_empty() => break StreamResult::Completed,
                Poll::Pending if finish => return Poll::Ready(Ok(StreamResult::Cancelled)),
                Poll::Pending => return Poll::Pending,
            }
        };
        destination.set_buffer(batch.into());
        Poll::Ready(Ok(result))
    }
}
