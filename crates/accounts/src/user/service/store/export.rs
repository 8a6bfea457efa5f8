//! SQL of one page of an export.

use spin_pg_bindings::postgres::Database;

use super::columns;
use crate::Error;
use crate::audit::Actor;
use crate::user::exported::ExportedUser;
use crate::user::service::export::ExportQuery;

const EXPORT: &str = concat!(
    "SELECT NULL::text AS password_hash, ",
    columns!(),
    " FROM users WHERE id > $1 ORDER BY id LIMIT $2"
);

/// Records the page in the audit trail.
const EXPORT_HASHES: &str = concat!(
    "WITH audited AS (
        INSERT INTO audit (action, actor_id, request_id, client)
        VALUES ('password_hashes_exported', $3::uuid, $4, $5)
     )
     SELECT password_hash, ",
    columns!(),
    " FROM users WHERE id > $1 ORDER BY id LIMIT $2"
);

/// Returns one user more than the page has, if there are more.
pub(in crate::user::service) async fn export(
    database: &dyn Database,
    query: &ExportQuery,
    actor: &Actor,
) -> Result<Vec<ExportedUser>, Error> {
    let mut params = vec![query.after.into(), (query.size.get() + 1).into()];
    if !query.password_hashes {
        return Ok(database.read_as(EXPORT, params).await?);
    }
    params.extend([
        actor.id().into(),
        actor.request_id.as_str().into(),
        actor.client().into(),
    ]);
    Ok(database.write_as(EXPORT_HASHES, params).await?)
}
