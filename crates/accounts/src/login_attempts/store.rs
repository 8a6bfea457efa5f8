//! SQL that counts attempts: one row per bucket.
//!
//! Every statement locks the network's row before the account's row.

use spin_pg_bindings::postgres::{self, Database, FromRow, Param, Row};

use super::{Account, Attempt, AttemptLimits};
use crate::audit::Actor;
use crate::client_address::ClientAddress;
use crate::password::PasswordHash;
use crate::{Error, UserId};

/// Runs of the statement before it gives up on a missing bucket. The first run adds the row, which cannot
/// be swept until a day later.
const TRIES: usize = 4;

/// Failures in the current window, including this attempt.
macro_rules! failures {
    () => {
        "CASE WHEN a.window_started_at <= now() - interval '15 minutes' THEN 1 ELSE a.failures + 1 END"
    };
}

/// Counts an attempt in each of its buckets, or in none if one of them is delayed.
///
/// The buckets' rows are locked first, so concurrent attempts see one another in turn. A bucket without a
/// row gets one; the attempt is then counted by another run of the statement, to which the row is visible.
/// From the limit on, each attempt in a window sets a delay twice as long as the previous one. A rejection
/// is audited at most once per minute per account.
///
/// Parameters: email, user id, network, bucket of an unknown email, account limit, network limit, first
/// delay in seconds, actor, request id, client.
const COUNT: &str = concat!(
    "WITH subject AS MATERIALIZED (
        SELECT u.id, CASE WHEN u.is_active THEN u.password_hash END AS password_hash,
            CASE WHEN $1::text IS NULL THEN sha256(convert_to('confirmation ' || $2::uuid, 'UTF8'))
                WHEN EXISTS (SELECT FROM known_networks AS n WHERE n.user_id = u.id
                    AND n.network = $3::bytea AND n.last_login_at > now() - interval '30 days')
                THEN sha256(convert_to('known network ' || u.id, 'UTF8') || $3)
                ELSE coalesce(sha256(convert_to('account ' || u.id, 'UTF8')), $4::bytea)
            END AS account_key
        FROM (SELECT) AS one LEFT JOIN users AS u ON u.email = $1 OR u.id = $2
     ), buckets AS MATERIALIZED (
        SELECT 1 AS place, $3 AS key, $6::integer AS allowed, 60 AS longest WHERE $1 IS NOT NULL
        UNION ALL SELECT 2, account_key, $5::integer, 900 FROM subject
     ), locked AS MATERIALIZED (
        SELECT a.key, a.refused_until FROM buckets JOIN login_attempts AS a USING (key)
        ORDER BY place FOR UPDATE OF a
     ), gate AS MATERIALIZED (
        SELECT (SELECT count(*) FROM locked) < (SELECT count(*) FROM buckets) AS missing,
            (SELECT max(refused_until) FROM locked) AS refused_until
     ), added AS (
        INSERT INTO login_attempts (key)
        SELECT key FROM buckets WHERE key NOT IN (SELECT key FROM locked)
        ORDER BY place ON CONFLICT DO NOTHING
     ), counted AS (
        UPDATE login_attempts AS a SET failures = ",
    failures!(),
    ",
            window_started_at = CASE WHEN a.window_started_at <= now() - interval '15 minutes'
                THEN now() ELSE a.window_started_at END,
            refused_until = CASE WHEN ",
    failures!(),
    " < b.allowed THEN 'epoch' ELSE now() + make_interval(secs => least(b.longest,
                $7::double precision * power(2, least(greatest(",
    failures!(),
    " - b.allowed, 0), 20)))) END
        FROM buckets AS b, gate
        WHERE a.key = b.key AND NOT gate.missing AND gate.refused_until <= now()
        RETURNING b.place, a.failures
     ), audited AS (
        INSERT INTO audit (action, actor_id, target_id, request_id, client)
        SELECT 'login_throttled', $8::uuid, s.id, $9, $10 FROM subject AS s, gate
        WHERE NOT gate.missing AND gate.refused_until > now() AND NOT EXISTS (
            SELECT FROM audit WHERE action = 'login_throttled' AND at > now() - interval '1 minute'
                AND target_id IS NOT DISTINCT FROM s.id)
     ), swept AS (
        DELETE FROM login_attempts WHERE key IN (
            SELECT key FROM login_attempts WHERE window_started_at < now() - interval '1 day'
                AND key NOT IN (SELECT key FROM buckets)
            ORDER BY window_started_at LIMIT 10 FOR UPDATE SKIP LOCKED)
     )
     SELECT id, password_hash, account_key, missing, EXISTS (SELECT FROM counted) AS counted,
        (SELECT failures FROM counted WHERE place = 1) AS network_failures,
        ceil(extract(epoch FROM refused_until - now()))::bigint AS wait
     FROM subject, gate"
);

/// Outcome of [`COUNT`].
struct Counted {
    user: Option<UserId>,
    hash: Option<PasswordHash>,
    account_key: Vec<u8>,
    missing: bool,
    counted: bool,
    network_failures: Option<i32>,
    wait: Option<i64>,
}

impl FromRow for Counted {
    fn from_row(row: &Row) -> Result<Self, postgres::Error> {
        let hash: Option<String> = row.get("password_hash")?;
        let user: Option<uuid::Uuid> = row.get("id")?;
        Ok(Self {
            user: user.map(UserId),
            hash: hash.map(PasswordHash::stored),
            account_key: row.get("account_key")?,
            missing: row.get("missing")?,
            counted: row.get("counted")?,
            network_failures: row.get("network_failures")?,
            wait: row.get("wait")?,
        })
    }
}

/// Returns the attempt, or the number of seconds to wait.
pub(super) async fn count(
    database: &dyn Database,
    account: &Account<'_>,
    unknown_key: Option<Vec<u8>>,
    address: &ClientAddress,
    limits: &AttemptLimits,
    actor: &Actor,
) -> Result<Result<Attempt, u64>, Error> {
    let (email, user) = match account {
        Account::Email(email) => (Some(email.as_str()), None),
        Account::User(user) => (None, Some(user.0)),
    };
    let params = vec![
        email.into(),
        user.into(),
        address.key().into(),
        unknown_key.into(),
        limits.per_account.into(),
        limits.per_address.into(),
        limits.first_delay.as_secs_f64().into(),
        actor.id().into(),
        actor.request_id.as_str().into(),
        actor.client().into(),
    ];
    for _ in 0..TRIES {
        let row = database.write_opt::<Counted>(COUNT, params.clone()).await?;
        let row =
            row.ok_or_else(|| Error::Internal("counting a login attempt returned no row".into()))?;
        if row.counted {
            return Ok(Ok(Attempt {
                network_key: email.map(|_| address.key()),
                network_failures: row.network_failures,
                account_key: row.account_key,
                user: row.user,
                hash: row.hash,
            }));
        }
        if !row.missing {
            let wait = row.wait.and_then(|seconds| u64::try_from(seconds).ok());
            return Ok(Err(wait.unwrap_or(0).max(1)));
        }
    }
    Err(Error::Internal(
        "the rows of a login attempt are missing after every retry".into(),
    ))
}

/// Undoes the count of a right password. The account's bucket is emptied. The network's loses only this
/// attempt, so that signing in to one's own account does not reset attempts at others. A delay of the
/// network ends only if this attempt set it.
/// Expands to common table expressions. Parameters: the network's key, its failures including this attempt,
/// and the account's key.
macro_rules! forgive {
    ($network_key:literal, $network_failures:literal, $account_key:literal) => {
        concat!(
            "given_back AS (
                UPDATE login_attempts SET failures = greatest(failures - 1, 0),
                    refused_until = CASE WHEN failures = ",
            $network_failures,
            " THEN 'epoch' ELSE refused_until END
                WHERE key = ",
            $network_key,
            " RETURNING 1
             ), forgotten AS (
                UPDATE login_attempts SET failures = 0, refused_until = 'epoch'
                WHERE (SELECT count(*) FROM given_back) >= 0 AND key = ",
            $account_key,
            ")"
        )
    };
}
pub(crate) use forgive;

const FORGET: &str = concat!(
    "WITH ",
    forgive!("$1::bytea", "$2::integer", "$3::bytea"),
    " SELECT true AS done"
);

pub(super) async fn forget(database: &dyn Database, attempt: &Attempt) -> Result<(), Error> {
    let params: Vec<Param> = vec![
        attempt.network_key.clone().into(),
        attempt.network_failures.into(),
        attempt.account_key.clone().into(),
    ];
    database.write(FORGET, params).await?;
    Ok(())
}

const AUDIT_FAILURE: &str = "INSERT INTO audit (action, actor_id, target_id, request_id, client) \
     VALUES ('login_failed', $1, $2, $3, $4)";

pub(super) async fn audit_failure(
    database: &dyn Database,
    attempt: &Attempt,
    actor: &Actor,
) -> Result<(), Error> {
    let params = vec![
        actor.id().into(),
        attempt.user.map(|user| user.0).into(),
        actor.request_id.as_str().into(),
        actor.client().into(),
    ];
    database.write(AUDIT_FAILURE, params).await?;
    Ok(())
}
