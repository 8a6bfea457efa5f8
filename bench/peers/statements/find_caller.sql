-- The user $1 of the session $2. One that ended or expired, or is of an earlier epoch, gives no user.
SELECT EXISTS (SELECT FROM sessions WHERE id = $2 AND user_id <> $1) AS is_anothers,
    id, email, full_name, role, is_active, version, session_epoch, created_at, updated_at
FROM (SELECT) AS one LEFT JOIN users ON id = $1 AND EXISTS (
    SELECT FROM sessions AS s WHERE s.id = $2 AND s.user_id = users.id
        AND s.epoch = users.session_epoch AND s.idle_expires_at > now() AND s.expires_at > now())
