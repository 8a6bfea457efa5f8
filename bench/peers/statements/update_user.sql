-- Id, full name (null: as it is), expected versions (null: any), actor, request id, client. The row is
-- locked before it is compared, and what would change nothing is not written.
WITH before AS MATERIALIZED (
    SELECT * FROM users WHERE id = $1 FOR UPDATE
), expected AS MATERIALIZED (
    SELECT * FROM before WHERE $3::bigint[] IS NULL OR version = ANY ($3)
), changed AS (
    UPDATE users SET full_name = coalesce($2::text, b.full_name), version = b.version + 1,
        updated_at = greatest(now(), b.updated_at)
    FROM expected AS b
    WHERE users.id = b.id AND b.full_name <> coalesce($2, b.full_name)
    RETURNING users.*
), audited AS (
    INSERT INTO audit (action, actor_id, target_id, request_id, client)
    SELECT 'name_changed', $4::uuid, id, $5, $6 FROM changed
), result AS (
    SELECT * FROM changed
    UNION ALL SELECT * FROM expected WHERE NOT EXISTS (SELECT FROM changed)
)
SELECT found, id, email, full_name, role, is_active, version, session_epoch, created_at, updated_at
FROM (SELECT EXISTS (SELECT FROM before) AS found) AS was LEFT JOIN result ON true
