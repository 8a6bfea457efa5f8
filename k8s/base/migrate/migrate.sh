#!/bin/sh
# Applies $MIGRATIONS/*.sql with psql as `roster-admin migrate` does with sqlx (crates/migrations): in order,
# each in its own transaction with its row in the ledger _sqlx_migrations, under the same advisory lock and
# with the same checksums, so either can continue from the other. Fails without a change if an applied file
# was changed or is missing, or if a pending one is older than an applied one. psql reads PGHOST, PGPORT,
# PGDATABASE, PGUSER and PGPASSWORD.
set -eu
cd "$MIGRATIONS"

# Same meaning as in the app: `require` verifies the certificate, which libpq's `require` does not.
case ${SSLMODE:-require} in
require) export PGSSLMODE=verify-full PGSSLROOTCERT=system ;;
*) export PGSSLMODE="$SSLMODE" ;;
esac
export PGCONNECT_TIMEOUT=10 PGCLIENTENCODING=UTF8 PGAPPNAME=migrate

# sqlx's lock is 0x3d32ad9e times the CRC-32 of the database name. gzip output ends with that CRC.
# shellcheck disable=SC2046 # two numbers, to be split
set -- $(printf %s "$PGDATABASE" | gzip -c | tail -c 8 | od -An -tu4)
lock=$((1026731422 * $1))

sql() {
    cat <<SQL
\set ON_ERROR_STOP on
SET statement_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET lock_timeout = '30s';
SET client_min_messages = warning;
SELECT pg_advisory_lock($lock) \g /dev/null
CREATE TABLE IF NOT EXISTS _sqlx_migrations (
    version BIGINT PRIMARY KEY,
    description TEXT NOT NULL,
    installed_on TIMESTAMPTZ NOT NULL DEFAULT now(),
    success BOOLEAN NOT NULL,
    checksum BYTEA NOT NULL,
    execution_time BIGINT NOT NULL
);
CREATE TEMPORARY TABLE migration_files (version bigint PRIMARY KEY, description text, body text);
SQL
    for file in *.sql; do
        if ! printf '%s\n' "$file" | grep -Eq '^[0-9]+_[A-Za-z0-9_]+[.]sql$'; then
            echo "$file is not named <number>_<description>.sql" >&2
            return 1
        fi
        description=$(printf %s "$file" | sed 's/^[0-9]*_//; s/[.]sql$//' | tr _ ' ')
        # psql drops the last newline of a command's output; the x keeps it.
        printf '%s\n' "\\set body \`cat $file && printf x\`"
        printf '%s\n' "INSERT INTO migration_files VALUES ('${file%%_*}', '$description', left(:'body', -1));"
    done
    cat <<'SQL'
SELECT count(*) > 0 AS refused,
       coalesce(string_agg(format('migration %s (%s) %s', version, description, problem), E'\n'), '') AS problems
FROM (
    SELECT version, applied.description, CASE
               WHEN NOT success THEN 'was started but not finished'
               WHEN body IS NULL THEN 'is applied, but its file is missing: the database is newer'
               WHEN checksum <> sha384(convert_to(body, 'UTF8')) THEN 'was changed after it was applied'
           END AS problem
    FROM _sqlx_migrations AS applied LEFT JOIN migration_files USING (version)
    UNION ALL
    SELECT version, description, 'is pending, but a later one is applied'
    FROM migration_files
    WHERE version NOT IN (SELECT version FROM _sqlx_migrations)
      AND version < (SELECT max(version) FROM _sqlx_migrations)
) AS states
WHERE problem IS NOT NULL \gset
\if :refused
    \warn :problems
    DO 'BEGIN RAISE EXCEPTION ''migrations rejected: nothing was changed''; END';
\endif
SQL
    for file in *.sql; do
        version=${file%%_*}
        cat <<SQL
SELECT '$version' NOT IN (SELECT version FROM _sqlx_migrations) AS pending, clock_timestamp() AS begun \gset
\if :pending
\echo applying $file
SQL
        transaction=yes
        if [ "$(head -c 17 "$file")" = '-- no-transaction' ]; then transaction=; fi
        printf '%s\n' "${transaction:+BEGIN;}"
        # \gexec sends the file to the server unchanged, in one piece, as sqlx does.
        cat <<SQL
SELECT body FROM migration_files WHERE version = '$version' \gexec
INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
SELECT version, description, TRUE, sha384(convert_to(body, 'UTF8')), -1
FROM migration_files WHERE version = '$version';
${transaction:+COMMIT;}
UPDATE _sqlx_migrations
SET execution_time = 1e9 * extract(epoch FROM clock_timestamp() - :'begun'::timestamptz)
WHERE version = '$version';
\endif
SQL
    done
    cat <<'SQL'
SELECT count(*) AS total FROM _sqlx_migrations \gset
\echo :total migrations are applied
SQL
}

# Builds the whole text first, so that a failure to build it fails the script.
text=$(sql)
printf '%s\n' "$text" | psql --no-psqlrc --quiet --no-password
