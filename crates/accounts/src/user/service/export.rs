//! Export of users, in the order of their ids.

use uuid::Uuid;

use super::{Users, store};
use crate::Error;
use crate::audit::Actor;
use crate::pagination::{self, PageSize, Position};
use crate::user::exported::ExportedUser;

/// Query of a page of an export.
#[derive(Debug, Clone)]
pub struct ExportQuery {
    pub size: PageSize,
    /// Includes the password hashes, and records the page in the audit trail.
    pub password_hashes: bool,
    /// Id after which the page begins; the nil id for the first page.
    pub after: Uuid,
}

impl ExportQuery {
    /// Context of a cursor: a cursor continues only an export with, or without, password hashes.
    pub fn context(&self) -> String {
        format!("export {}", self.password_hashes)
    }
}

/// One page of an export.
pub type Page = pagination::Page<ExportedUser>;

impl Users {
    /// Returns one page. An export is no snapshot: a user who is changed meanwhile has the state at the time of their
    /// page, and one who is created meanwhile with an earlier id is missing.
    pub async fn export_users(&self, query: &ExportQuery, actor: &Actor) -> Result<Page, Error> {
        let users = store::export::export(&*self.database, query, actor).await?;
        Ok(Page::cut(users, query.size, None, |last| Position {
            key: String::new(),
            id: last.user.id.0,
        }))
    }
}
