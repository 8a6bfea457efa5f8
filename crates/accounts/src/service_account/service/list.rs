//! Lists of service accounts.

use crate::pagination::{self, Position, TimeOrder};
use crate::service_account::ServiceAccount;

/// A page of service accounts.
pub type Page = pagination::Page<ServiceAccount>;

/// Context of a cursor of the accounts in this order.
pub fn context(order: TimeOrder) -> String {
    format!("service accounts {}", order.is_descending())
}

pub(super) fn position_of(account: &ServiceAccount) -> Position {
    Position {
        key: pagination::timestamp(account.created_at),
        id: account.id.0,
    }
}
