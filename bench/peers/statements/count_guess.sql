-- Email, network, bucket of an unknown email, account limit, network limit, first delay in seconds,
-- request id, client. Counts the guess in both buckets, or in none when one of them has to wait. A
-- bucket without a row gets one, and another run counts the guess. As crates/accounts has it.
WITH subject AS MATERIALIZED (
    SELECT u.id, CASE WHEN u.is_active THEN u.password_hash END AS password_hash,
        CASE WHEN EXISTS (SELECT FROM known_networks AS n WHERE n.user_id = u.id
                AND n.network = $2::bytea AND n.last_login_at > now() - interval '30 days')
            THEN sha256(convert_to('known network ' || u.id, 'UTF8') || $2)
            ELSE coalesce(sha256(convert_to('account ' || u.id, 'UTF8')), $3::bytea)
        END AS account_key
    FROM (SELECT) AS one LEFT JOIN users AS u ON u.email = $1::text
), buckets AS MATERIALIZED (
    SELECT 1 AS place, $2 AS key, $5::integer AS allowed, 60 AS longest
    UNION ALL SELECT 2, account_key, $4::integer, 900 FROM subject
), locked AS MATERIALIZED (
    SELECT a.key, a.refused_until FROM buckets JOIN login_attempts AS a USING (key)
    ORDER BY place FOR UPDATE OF a
), gate AS MATERIALIZED (
    SELECT (SELECT count(*) FROM locked) < (SELECT count(*) FROM buckets) AS missing,
        (SELECT max(refused_until) FROM locked) AS refused_until
), added AS (
    INSERT INTO login_attempts (key)
    SELECT key FROM buckets WHERE key NOT IN (SELECT key FROM locked)
    ORDER BY place ON CONFLICT DO NOTHING
), counted AS (
    UPDATE login_attempts AS a SET
        failures = CASE WHEN a.window_started_at <= now() - interval '15 minutes'
            THEN 1 ELSE a.failures + 1 END,
        window_started_at = CASE WHEN a.window_started_at <= now() - interval '15 minutes'
            THEN now() ELSE a.window_started_at END,
        refused_until = CASE WHEN CASE WHEN a.window_started_at <= now() - interval '15 minutes'
                THEN 1 ELSE a.failures + 1 END < b.allowed
            THEN 'epoch' ELSE now() + make_interval(secs => least(b.longest,
                $6::double precision * power(2, least(greatest(
                    CASE WHEN a.window_started_at <= now() - interval '15 minutes'
                        THEN 1 ELSE a.failures + 1 END - b.allowed, 0), 20)))) END
    FROM buckets AS b, gate
    WHERE a.key = b.key AND NOT gate.missing AND gate.refused_until <= now()
    RETURNING b.place, a.failures
), audited AS (
    INSERT INTO audit (action, actor_id, target_id, request_id, client)
    SELECT 'login_throttled', NULL, s.id, $7, $8 FROM subject AS s, gate
    WHERE NOT gate.missing AND gate.refused_until > now() AND NOT EXISTS (
        SELECT FROM audit WHERE action = 'login_throttled' AND at > now() - interval '1 minute'
            AND target_id IS NOT DISTINCT FROM s.id)
), swept AS (
    DELETE FROM login_attempts WHERE key IN (
        SELECT key FROM login_attempts WHERE window_started_at < now() - interval '1 day'
            AND key NOT IN (SELECT key FROM buckets)
        ORDER BY window_started_at LIMIT 10 FOR UPDATE SKIP LOCKED)
)
SELECT id, password_hash, account_key, missing, EXISTS (SELECT FROM counted) AS counted,
    (SELECT failures FROM counted WHERE place = 1) AS network_failures,
    ceil(extract(epoch FROM refused_until - now()))::bigint AS wait
FROM subject, gate
