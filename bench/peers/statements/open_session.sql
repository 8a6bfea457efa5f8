-- User, the hash that was compared, session, hash of the refresh token, its family, request id, client,
-- network, failures of the network with this guess, bucket of the account. A session lives for 7 days
-- without a refresh and for 30 at most, and a user has 50.
WITH owner AS MATERIALIZED (
    SELECT * FROM users WHERE id = $1 AND is_active AND password_hash = $2 FOR UPDATE
), opened AS (
    INSERT INTO sessions (id, user_id, epoch, idle_expires_at, expires_at, token_family)
    SELECT $3::uuid, id, session_epoch, now() + interval '7 days', now() + interval '30 days', $5::bytea
    FROM owner RETURNING id
), issued AS (
    INSERT INTO refresh_tokens (hash, session_id) SELECT $4::bytea, id FROM opened
), surplus AS (
    DELETE FROM sessions WHERE id IN (
        SELECT s.id FROM sessions AS s JOIN owner ON s.user_id = owner.id
            AND s.epoch = owner.session_epoch
        WHERE s.idle_expires_at > now()
        ORDER BY s.created_at DESC, s.id DESC OFFSET 49)
    RETURNING id, user_id
), audited AS (
    INSERT INTO audit (action, actor_id, target_id, request_id, client)
    SELECT 'login_succeeded', id, id, $6, $7 FROM owner
    UNION ALL SELECT 'session_ended', user_id, user_id, $6, $7 FROM surplus
), swept AS (
    DELETE FROM sessions WHERE id IN (
        SELECT id FROM sessions WHERE idle_expires_at < now()
        ORDER BY idle_expires_at LIMIT 10 FOR UPDATE SKIP LOCKED)
), known AS (
    INSERT INTO known_networks (user_id, network) SELECT id, $8::bytea FROM owner
    ON CONFLICT (user_id, network) DO UPDATE SET last_login_at = now()
), unknown AS (
    DELETE FROM known_networks AS n USING owner
    WHERE n.user_id = owner.id AND n.network <> $8 AND n.last_login_at < now() - interval '30 days'
), given_back AS (
    UPDATE login_attempts SET failures = greatest(failures - 1, 0),
        refused_until = CASE WHEN failures = $9::integer THEN 'epoch' ELSE refused_until END
    WHERE key = $8 RETURNING 1
), forgotten AS (
    UPDATE login_attempts SET failures = 0, refused_until = 'epoch'
    WHERE (SELECT count(*) FROM given_back) >= 0 AND key = $10::bytea
)
SELECT (SELECT array_agg(id) FROM surplus) AS ended,
    id, email, full_name, role, is_active, version, session_epoch, created_at, updated_at
FROM owner
