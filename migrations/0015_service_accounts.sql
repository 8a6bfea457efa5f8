-- Service accounts: programs that call the API with keys of their own.

CREATE TABLE service_accounts (
    id         uuid        PRIMARY KEY,
    name       text        NOT NULL,
    -- Names of scopes, separated by spaces.
    scopes     text        NOT NULL,
    is_active  boolean     NOT NULL DEFAULT true,
    -- At most two objects: id, hash (hexadecimal SHA-256 of the key), created_at, expires_at, last_used_on. In the row
    -- of their account, so that its lock decides between concurrent changes, and one read finds all.
    keys       jsonb       NOT NULL DEFAULT '[]',
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    -- Incremented by every change of the account and its keys, but not by the day of a key's last use.
    version    bigint      NOT NULL DEFAULT 1,
    CONSTRAINT service_accounts_name_key UNIQUE (name),
    CONSTRAINT service_accounts_name_check CHECK (name ~ '^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$'),
    CONSTRAINT service_accounts_scopes_check CHECK (scopes ~ '^[a-z:]+( [a-z:]+)*$'),
    CONSTRAINT service_accounts_keys_check CHECK (jsonb_typeof(keys) = 'array' AND jsonb_array_length(keys) <= 2),
    CONSTRAINT service_accounts_version_check CHECK (version > 0)
);

-- The sort key; the id breaks ties, and the index is read in both directions.
CREATE INDEX service_accounts_created_at_idx ON service_accounts (created_at, id);

-- As before, with the rights of the app on the new table.
CREATE OR REPLACE FUNCTION grant_rights() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'roster_app') THEN
        GRANT USAGE ON SCHEMA public TO roster_app;
        GRANT SELECT, INSERT, UPDATE, DELETE ON users, sessions, refresh_tokens, reset_tokens,
            idempotency_keys, login_attempts, known_networks, hash_leases, bootstrap, service_accounts TO roster_app;
        GRANT SELECT, INSERT ON audit TO roster_app;
        GRANT SELECT ON _sqlx_migrations TO roster_app;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'roster_probe') THEN
        GRANT USAGE ON SCHEMA public TO roster_probe;
        GRANT SELECT ON _sqlx_migrations TO roster_probe;
    END IF;
END
$$;
SELECT grant_rights();
