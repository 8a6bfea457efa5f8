-- Deletion of what is over, for a command that runs once a day.

-- Deletes up to `batch` rows of each table that are over, and audit rows that are older than so many
-- days (0 keeps them), and returns how many rows it has deleted: call it until that is 0. Rows that
-- somebody holds are left for the next time. Idempotency keys, sessions and counts are also swept by the
-- statements that add them; those of users who never come back are not.
CREATE FUNCTION sweep(audit_retention_days integer, batch integer) RETURNS bigint LANGUAGE sql AS $$
    WITH gone_sessions AS (
        DELETE FROM sessions WHERE id IN (
            SELECT id FROM sessions WHERE idle_expires_at < now()
            ORDER BY idle_expires_at LIMIT batch FOR UPDATE SKIP LOCKED)
        RETURNING 1
    ), gone_reset_tokens AS (
        DELETE FROM reset_tokens WHERE hash IN (
            SELECT hash FROM reset_tokens WHERE expires_at < now() LIMIT batch FOR UPDATE SKIP LOCKED)
        RETURNING 1
    ), gone_networks AS (
        DELETE FROM known_networks WHERE (user_id, network) IN (
            SELECT user_id, network FROM known_networks WHERE last_login_at < now() - interval '30 days'
            LIMIT batch FOR UPDATE SKIP LOCKED)
        RETURNING 1
    ), gone_attempts AS (
        DELETE FROM login_attempts WHERE key IN (
            SELECT key FROM login_attempts WHERE window_started_at < now() - interval '1 day'
            ORDER BY window_started_at LIMIT batch FOR UPDATE SKIP LOCKED)
        RETURNING 1
    ), gone_keys AS (
        DELETE FROM idempotency_keys WHERE (caller, route, key) IN (
            SELECT caller, route, key FROM idempotency_keys WHERE expires_at <= now()
            ORDER BY expires_at LIMIT batch FOR UPDATE SKIP LOCKED)
        RETURNING 1
    ), gone_leases AS (
        DELETE FROM hash_leases WHERE (host, slot) IN (
            SELECT host, slot FROM hash_leases WHERE expires_at < now() - interval '1 day'
            LIMIT batch FOR UPDATE SKIP LOCKED)
        RETURNING 1
    ), gone_events AS (
        DELETE FROM audit WHERE id IN (
            SELECT id FROM audit
            WHERE audit_retention_days > 0 AND at < now() - make_interval(days => audit_retention_days)
            ORDER BY at LIMIT batch FOR UPDATE SKIP LOCKED)
        RETURNING 1
    )
    SELECT count(*) FROM (
        TABLE gone_sessions UNION ALL TABLE gone_reset_tokens UNION ALL TABLE gone_networks
        UNION ALL TABLE gone_attempts UNION ALL TABLE gone_keys UNION ALL TABLE gone_leases
        UNION ALL TABLE gone_events) AS gone
$$;
