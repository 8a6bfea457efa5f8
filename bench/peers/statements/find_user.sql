SELECT id, email, full_name, role, is_active, version, session_epoch, created_at, updated_at
FROM users WHERE id = $1
