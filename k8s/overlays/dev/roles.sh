#!/bin/sh
# Creates the roles of k8s/README.md. The image of Postgres runs it when the server initializes its data.
set -eu
psql --no-psqlrc --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" \
    --set app="$DB_PASSWORD" --set probe="$DB_PROBE_PASSWORD" <<'SQL'
CREATE ROLE roster_app NOLOGIN;
CREATE ROLE roster_probe NOLOGIN;
CREATE ROLE roster LOGIN PASSWORD :'app' IN ROLE roster_app;
CREATE ROLE roster_health LOGIN PASSWORD :'probe' IN ROLE roster_probe;
SQL
