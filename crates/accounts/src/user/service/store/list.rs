//! SQL of one page of users.

use spin_pg_bindings::postgres::Database;

use super::columns;
use crate::pagination::statement::{Filters, Source, read};
use crate::user::service::list::{ListQuery, Page, SortKey};
use crate::{Error, User};

fn filters(query: &ListQuery) -> Filters {
    let mut filters = Filters::none();
    let email = query.email.as_ref().map(|email| email.as_str());
    filters.add_option("email = $?", email);
    let external_id = query.external_id.as_ref().map(|id| id.as_str());
    filters.add_option("external_id = $?", external_id);
    filters.add_option("role = $?", query.role.map(|role| role.as_str()));
    filters.add_option("is_active = $?", query.is_active);
    // Folded by Postgres on both sides: its rules differ from Rust's.
    let pattern = query.prefix.as_ref().map(|prefix| {
        let escaped = prefix.as_str().replace('\\', "\\\\").replace('%', "\\%");
        escaped.replace('_', "\\_") + "%"
    });
    let prefix = "(email LIKE lower($?) OR users_fold(full_name) LIKE users_fold($?))";
    filters.add_option(prefix, pattern);
    for filter in &query.attributes {
        // The operator of the index.
        let [denoted, text] = filter.objects();
        filters.add_two("(attributes @> $? OR attributes @> $?)", denoted, text);
    }
    let after = "created_at > ($?::timestamp AT TIME ZONE 'UTC')";
    filters.add_option(after, query.created_after);
    let before = "created_at < ($?::timestamp AT TIME ZONE 'UTC')";
    filters.add_option(before, query.created_before);
    filters
}

pub(in crate::user::service) async fn list(
    database: &dyn Database,
    query: &ListQuery,
) -> Result<Page, Error> {
    let (column, cast) = match query.sort.key {
        SortKey::CreatedAt => ("created_at", "$?::text::timestamptz"),
        SortKey::UpdatedAt => ("updated_at", "$?::text::timestamptz"),
        SortKey::Email => ("email COLLATE \"C\"", "$?"),
        SortKey::FullName => ("full_name COLLATE \"und-x-icu\"", "$?"),
    };
    let source = Source {
        table: "users",
        columns: columns!(),
        column,
        cast,
        descending: query.sort.descending,
    };
    let position_of = |user: &User| query.sort.position_of(user);
    read(
        database,
        &source,
        filters(query),
        &query.window,
        position_of,
    )
    .await
}
