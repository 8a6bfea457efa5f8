//! A typed client of the Roster API.
//!
//! Everything in [`Client`], [`types`] and [`builder`] is generated from `openapi/v1.json` when this
//! crate is built: one method per operation, which returns a builder; `send` makes the request.
//! Added by hand: constructors ([`Client::new`], [`Client::signed_in`]), lists as streams of all
//! their pages (`stream` of the lists' builders), imports as lines ([`Client::import_lines`]), and
//! accessors for problems ([`ErrorExt`]).
//!
//! ```no_run
//! use futures::TryStreamExt;
//! use roster_client::{Client, ErrorExt, codes, types::Role};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let base = "http://127.0.0.1:3000";
//! let login = Client::new(base)?
//!     .login()
//!     .body_map(|body| body.email("admin@example.com").password("a long password"))
//!     .send()
//!     .await?;
//! let client = Client::signed_in(base, &login.access_token)?;
//!
//! let created = client
//!     .create_user()
//!     .body_map(|body| body.email("ada@example.com").full_name("Ada Lovelace"))
//!     .send()
//!     .await;
//! match created {
//!     Ok(user) => println!("{} is new", user.id),
//!     Err(error) if error.code() == Some(codes::EMAIL_TAKEN) => println!("Ada is here already"),
//!     Err(error) => return Err(error.into()),
//! }
//!
//! let mut admins = client.list_users().role(Role::Admin).stream();
//! while let Some(user) = admins.try_next().await? {
//!     println!("{} {}", user.id, user.email);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! A response includes its headers ([`ResponseValue::headers`]); [`etag`] returns the entity tag
//! from them, for `if_match` and `if_none_match`. A resource that has not changed (304) has no body:
//! it is returned as an error for which [`ErrorExt::is_not_modified`] is true.

mod connect;
mod error;
mod generated;
mod import;
mod pages;

#[cfg(test)]
#[path = "../build/down_convert.rs"]
mod down_convert;
#[cfg(test)]
mod down_convert_tests;

pub use connect::{ConnectError, http};
pub use error::ErrorExt;
pub use generated::{ByteStream, Client, ClientInfo, Error, ResponseValue, builder, codes, types};

/// Returns the entity tag of the version in a response.
pub fn etag<T>(answer: &ResponseValue<T>) -> Option<&str> {
    answer.headers().get("etag")?.to_str().ok()
}
