#!/bin/sh
# Deletes expired rows, and audit rows older than $AUDIT_RETENTION_DAYS (0 keeps them), in batches until none
# is left, like `roster-admin sweep`; migrations/0012_retention.sql defines them. psql reads PGHOST, PGPORT,
# PGDATABASE, PGUSER and PGPASSWORD.
set -eu

# Same meaning as in the app: `require` verifies the certificate, which libpq's `require` does not.
case ${SSLMODE:-require} in
require) export PGSSLMODE=verify-full PGSSLROOTCERT=system ;;
*) export PGSSLMODE="$SSLMODE" ;;
esac
export PGCONNECT_TIMEOUT=10 PGCLIENTENCODING=UTF8 PGAPPNAME=sweep

total=0
while :; do
    # Passed on standard input, the only place where psql replaces variables.
    deleted=$(echo "SELECT sweep(:'days'::integer, 1000);" |
        psql --no-psqlrc --quiet --no-password --tuples-only --no-align \
            --set ON_ERROR_STOP=1 --set days="$AUDIT_RETENTION_DAYS")
    if [ "$deleted" -eq 0 ]; then
        break
    fi
    total=$((total + deleted))
done
echo "$total rows deleted"
