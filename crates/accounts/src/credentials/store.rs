//! The SQL that counts guesses: one row an account and one a client address.

use spin_pg_bindings::postgres::{self, Database, FromRow, Param, Row};

use super::{Attempt, AttemptLimits, Whose};
use crate::audit::Actor;
use crate::password::PasswordHash;
use crate::{Error, UserId};

/// Counts a guess under a key unless the key has to wait; the row comes back when it was counted.
/// `ON CONFLICT` takes the row's lock, so of guesses at the same time each sees the one before it.
/// After 15 quiet minutes counting begins anew; the delay doubles up to 15 minutes.
macro_rules! count_guess {
    ($key_and_source:literal, $limit:literal) => {
        concat!(
            "INSERT INTO login_attempts AS a (key, failures, refused_until, last_at) SELECT ",
            $key_and_source,
            " ON CONFLICT (key) DO UPDATE SET last_at = now(),
                failures = CASE WHEN greatest(a.last_at, a.refused_until) < now() - interval '15 minutes'
                    THEN 1 ELSE a.failures + 1 END,
                refused_until = CASE
                    WHEN greatest(a.last_at, a.refused_until) < now() - interval '15 minutes'
                        AND ",
            $limit,
            " > 1 THEN 'epoch'
                    WHEN a.failures + 1 < ",
            $limit,
            " THEN 'epoch'
                    ELSE now() + make_interval(secs => least(900,
                        $5 * power(2, least(greatest(a.failures + 1 - ",
            $limit,
            ", 0), 20)))) END
             WHERE a.refused_until <= now()
             RETURNING failures"
        )
    };
}

/// Parameters: email, user id, address key, account limit, first delay in seconds, address limit.
/// The address comes first: a guess that it refuses does not count against the account. Both are
/// always taken in this order, so that no two statements wait for each other.
const COUNT: &str = concat!(
    "WITH subject AS MATERIALIZED (
        SELECT u.id, CASE WHEN u.is_active THEN u.password_hash END AS password_hash,
            sha256(convert_to('account ' || coalesce(u.email, $1::text, ''), 'UTF8')) AS account_key
        FROM (SELECT) AS one LEFT JOIN users AS u ON u.email = $1 OR u.id = $2::uuid
     ), swept AS (
        DELETE FROM login_attempts WHERE key IN (
            SELECT key FROM login_attempts WHERE last_at < now() - interval '1 day'
            ORDER BY last_at LIMIT 10 FOR UPDATE SKIP LOCKED)
     ), by_address AS (",
    count_guess!(
        "$3::bytea, 1, CASE WHEN $6::integer > 1 THEN 'epoch' ELSE now() + make_interval(secs => $5) END, now()",
        "$6"
    ),
    "), by_account AS (",
    count_guess!(
        "account_key, 1, CASE WHEN $4::integer > 1 THEN 'epoch' ELSE now() + make_interval(secs => $5) END, now()
         FROM subject, by_address",
        "$4"
    ),
    ")
     SELECT id, password_hash, account_key, EXISTS (SELECT FROM by_account) AS counted,
        (SELECT ceil(extract(epoch FROM max(refused_until) - now()))::bigint FROM login_attempts
         WHERE key IN ($3, account_key) AND refused_until > now()) AS wait
     FROM subject"
);

struct Counted {
    attempt: Attempt,
    counted: bool,
    wait: Option<i64>,
}

impl FromRow for Counted {
    fn from_row(row: &Row) -> Result<Self, postgres::Error> {
        let hash: Option<String> = row.get("password_hash")?;
        let user: Option<uuid::Uuid> = row.get("id")?;
        Ok(Self {
            attempt: Attempt {
                address_key: Vec::new(),
                account_key: row.get("account_key")?,
                user: user.map(UserId),
                hash: hash.map(PasswordHash::stored),
            },
            counted: row.get("counted")?,
            wait: row.get("wait")?,
        })
    }
}

/// The attempt, or how many seconds to wait.
pub(super) async fn count(
    database: &dyn Database,
    whose: &Whose<'_>,
    address_key: Vec<u8>,
    limits: &AttemptLimits,
) -> Result<Result<Attempt, u64>, Error> {
    let (email, user) = match whose {
        Whose::Account(email) => (Some(email.as_str()), None),
        Whose::User(user) => (None, Some(user.0)),
    };
    let first_delay = limits.first_delay.as_secs_f64();
    let params = vec![
        email.into(),
        user.into(),
        address_key.clone().into(),
        limits.per_account.into(),
        first_delay.into(),
        limits.per_address.into(),
    ];
    let row = database.write_opt::<Counted>(COUNT, params).await?;
    let row = row.ok_or_else(|| Error::Internal("the count of a guess has no row".into()))?;
    if row.counted {
        return Ok(Ok(Attempt {
            address_key,
            ..row.attempt
        }));
    }
    // The one that set the delay may have committed after this statement's snapshot.
    let wait = row
        .wait
        .unwrap_or(i64::try_from(limits.first_delay.as_secs()).unwrap_or(1));
    Ok(Err(u64::try_from(wait).unwrap_or(0).max(1)))
}

/// What a right password does to the counts: the account's are forgotten, and the address gets back
/// this one guess, so that signing in to an account of one's own does not clear the way to others.
/// As common table expressions, with the two parameters of the keys.
macro_rules! forgive {
    ($address_key:literal, $account_key:literal) => {
        concat!(
            "given_back AS (
                UPDATE login_attempts SET failures = greatest(failures - 1, 0), refused_until = 'epoch'
                WHERE key = ",
            $address_key,
            " RETURNING 1
             ), forgotten AS (
                DELETE FROM login_attempts
                WHERE (SELECT count(*) FROM given_back) >= 0 AND key = ",
            $account_key,
            ")"
        )
    };
}
pub(crate) use forgive;

const FORGET: &str = concat!("WITH ", forgive!("$1", "$2"), " SELECT true AS done");

pub(super) async fn forget(database: &dyn Database, attempt: &Attempt) -> Result<(), Error> {
    database.write(FORGET, keys(attempt).to_vec()).await?;
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

fn keys(attempt: &Attempt) -> [Param; 2] {
    [
        attempt.address_key.clone().into(),
        attempt.account_key.clone().into(),
    ]
}
