-- The change feed: events of the audit trail in an order that readers can follow without missing one.
--
-- An event gets the next number of a sequence when it is inserted, but a lower number may become visible later than a
-- higher one. So each statement that inserts events first takes a shared advisory lock that names the number reached so
-- far; its events get higher ones. A position is complete, which means that no event can appear at or below it any more,
-- if it had been reached before the locks were read and no lock names a lower one. The locks are released after the
-- commit is visible. Neither restoring a backup nor transactions of other databases affect this order.

CREATE SEQUENCE audit_position AS bigint;
-- Earlier events have no position, so the table is not rewritten.
ALTER TABLE audit ADD COLUMN position bigint;
CREATE INDEX audit_position_idx ON audit (position) WHERE position IS NOT NULL;
ALTER TABLE audit ALTER COLUMN position SET DEFAULT nextval('audit_position');
ALTER SEQUENCE audit_position OWNED BY audit.position;

-- Highest position of the events that have been deleted.
CREATE TABLE feed_start (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    position bigint  NOT NULL DEFAULT 0
);
INSERT INTO feed_start DEFAULT VALUES;

-- The lock's second key has 31 bits: the low ones of the position.
CREATE FUNCTION audit_lock_position() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(
        16, (coalesce(pg_sequence_last_value('audit_position'), 0) & 2147483647)::integer);
    RETURN NULL;
END
$$;
CREATE TRIGGER audit_lock_position BEFORE INSERT ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION audit_lock_position();

-- Returns the highest deleted position, the last position, and the highest complete one. The events
-- must be read by a later statement: its snapshot has every event up to the complete position.
CREATE FUNCTION feed_state(OUT deleted bigint, OUT last bigint, OUT complete bigint) LANGUAGE plpgsql AS $$
DECLARE
    lows bigint[];
    base bigint;
BEGIN
    SELECT feed_start.position INTO deleted FROM feed_start;
    -- In this order: every event up to `last` took its lock before the locks are read, and every lock names a position
    -- that was reached before `base` is.
    last := coalesce(pg_sequence_last_value('audit_position'), 0);
    SELECT array_agg(objid::bigint) INTO lows FROM pg_locks
    WHERE locktype = 'advisory' AND classid = 16 AND objsubid = 2
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database());
    base := coalesce(pg_sequence_last_value('audit_position'), 0);
    complete := least(last, (SELECT min(base - ((base - low) & 2147483647)) FROM unnest(lows) AS low));
END
$$;

-- Notes the highest position of deleted events, whoever deletes them.
CREATE FUNCTION audit_note_deleted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE feed_start SET position = deleted.position
    FROM (SELECT max(position) AS position FROM gone) AS deleted
    WHERE deleted.position > feed_start.position;
    RETURN NULL;
END
$$;
CREATE TRIGGER audit_note_deleted AFTER DELETE ON audit REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION audit_note_deleted();

-- As before, with the rights of the app on the sequence and the new table.
CREATE OR REPLACE FUNCTION grant_rights() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'roster_app') THEN
        GRANT USAGE ON SCHEMA public TO roster_app;
        GRANT SELECT, INSERT, UPDATE, DELETE ON users, sessions, refresh_tokens, reset_tokens,
            idempotency_keys, login_attempts, known_networks, hash_leases, bootstrap, service_accounts TO roster_app;
        GRANT SELECT, INSERT ON audit TO roster_app;
        GRANT USAGE ON SEQUENCE audit_position TO roster_app;
        GRANT SELECT ON feed_start TO roster_app;
        GRANT SELECT ON _sqlx_migrations TO roster_app;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'roster_probe') THEN
        GRANT USAGE ON SCHEMA public TO roster_probe;
        GRANT SELECT ON _sqlx_migrations TO roster_probe;
    END IF;
END
$$;
SELECT grant_rights();
