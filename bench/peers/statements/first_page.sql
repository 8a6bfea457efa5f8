-- One row more than the page, which shows whether there is a next one.
SELECT id, email, full_name, role, is_active, version, session_epoch, created_at, updated_at
FROM users ORDER BY created_at DESC, id DESC LIMIT $1
