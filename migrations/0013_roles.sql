-- Two groups of rights beside the owner, whom only migrations need: the app's, which can neither change
-- the audit trail nor the schema, and the probe's, which reads the ledger of migrations. Login roles are
-- the operator's: CREATE ROLE roster LOGIN PASSWORD '...' IN ROLE roster_app.
DO $$
DECLARE
    group_name text;
BEGIN
    FOREACH group_name IN ARRAY ARRAY['roster_app', 'roster_probe'] LOOP
        IF EXISTS (SELECT FROM pg_roles WHERE rolname = group_name) THEN
            CONTINUE;
        END IF;
        BEGIN
            EXECUTE format('CREATE ROLE %I NOLOGIN', group_name);
        EXCEPTION
            WHEN duplicate_object OR unique_violation THEN NULL;
            WHEN insufficient_privilege THEN
                RAISE WARNING 'the role % does not exist and % may not create it: only the owner can use this database',
                    group_name, current_user;
        END;
    END LOOP;
END
$$;

-- Grants both groups their rights, if they exist; for the owner, who may call it again when they were
-- made later.
CREATE FUNCTION grant_rights() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'roster_app') THEN
        GRANT USAGE ON SCHEMA public TO roster_app;
        GRANT SELECT, INSERT, UPDATE, DELETE ON users, sessions, refresh_tokens, reset_tokens,
            idempotency_keys, login_attempts, known_networks, hash_leases, bootstrap TO roster_app;
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
REVOKE ALL ON FUNCTION grant_rights() FROM PUBLIC;
REVOKE ALL ON FUNCTION sweep(integer, integer) FROM PUBLIC;

-- The limits of 0002_role_timeouts.sql, for every role: a member does not inherit those of its group.
DO $$
BEGIN
    EXECUTE format('ALTER DATABASE %I SET statement_timeout = %L', current_database(), '5s');
    EXECUTE format('ALTER DATABASE %I SET idle_in_transaction_session_timeout = %L', current_database(), '5s');
    EXECUTE format('ALTER DATABASE %I SET lock_timeout = %L', current_database(), '3s');
EXCEPTION
    WHEN insufficient_privilege THEN
        RAISE WARNING '% does not own the database: set statement_timeout (5s), lock_timeout (3s) and idle_in_transaction_session_timeout (5s) for the app''s role',
            current_user;
END
$$;
