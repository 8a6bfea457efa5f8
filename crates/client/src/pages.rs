//! Lists as streams: one page after another, up to the last one.

use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};

use crate::Error;
use crate::builder::{ListAudit, ListSessions, ListUsers};
use crate::types::{Event, Problem, Session, User};

/// Adds `stream` to the builder of a list.
macro_rules! stream {
    ($builder:ident, $item:ty) => {
        impl<'a> $builder<'a> {
            /// Streams all items from here to the end of the list; `limit` is the number of items per
            /// request. The stream ends with the first error.
            pub fn stream(self) -> BoxStream<'a, Result<$item, Error<Problem>>> {
                stream::try_unfold(Some(self), |page| async move {
                    let Some(page) = page else {
                        return Ok(None);
                    };
                    let answer = page.clone().send().await?.into_inner();
                    let items = stream::iter(answer.items.into_iter().map(Ok));
                    Ok::<_, Error<Problem>>(Some((
                        items,
                        answer.next.map(|next| page.cursor(next)),
                    )))
                })
                .try_flatten()
                .boxed()
            }
        }
    };
}

stream!(ListUsers, User);
stream!(ListAudit, Event);
stream!(ListSessions, Session);
