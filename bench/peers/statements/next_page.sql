SELECT id, email, full_name, role, is_active, version, session_epoch, created_at, updated_at
FROM users WHERE (created_at, id) < ($2, $3) ORDER BY created_at DESC, id DESC LIMIT $1
