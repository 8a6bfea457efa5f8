#!/bin/sh
# Writes PgBouncer's files from the environment and starts it.
set -eu
umask 077
cd /run/pgbouncer
{
    printf '"%s" "%s"\n' "$PGUSER" "$PGPASSWORD"
    printf '"%s" "%s"\n' "$PROBE_USER" "$PROBE_PASSWORD"
    # For pods that still log in with the previous role while the app's role is replaced.
    if [ -n "$PREVIOUS_USER" ]; then
        printf '"%s" "%s"\n' "$PREVIOUS_USER" "$PREVIOUS_PASSWORD"
    fi
} >userlist.txt

case $SSLMODE in
require) tls=verify-full ;; # same meaning as in the app
*) tls=$SSLMODE ;;
esac
cat >pgbouncer.ini <<INI
[databases]
$PGDATABASE = host=$PGHOST port=$PGPORT dbname=$PGDATABASE

[pgbouncer]
listen_addr = 0.0.0.0
listen_port = 5432
unix_socket_dir =
auth_type = scram-sha-256
auth_file = /run/pgbouncer/userlist.txt
; Every use case is one statement, so a server connection is needed for that long only.
pool_mode = transaction
; Spin prepares each statement under a name.
max_prepared_statements = 200
default_pool_size = 30
max_client_conn = 2000
; Below the app's deadline for a statement (1.5 s, web::deadline::POSTGRES): what waits longer
; would run when nobody waits for it any more.
query_wait_timeout = 1
server_tls_sslmode = $tls
; The image's own bundle, or that of components/private-ca.
server_tls_ca_file = /etc/ssl/certs/ca-certificates.crt
INI
exec pgbouncer pgbouncer.ini
