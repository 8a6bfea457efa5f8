-- Id, email, full name, hash, actor, request id, client.
WITH created AS (
    INSERT INTO users (id, email, full_name, role, is_active, password_hash)
    VALUES ($1, $2, $3, 'user', true, $4) RETURNING *
), audited AS (
    INSERT INTO audit (action, actor_id, target_id, request_id, client)
    SELECT 'user_created', $5::uuid, id, $6, $7 FROM created
)
SELECT id, email, full_name, role, is_active, version, session_epoch, created_at, updated_at
FROM created
