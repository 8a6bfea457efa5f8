INSERT INTO audit (action, actor_id, target_id, request_id, client)
VALUES ('login_failed', NULL, $1, $2, $3)
