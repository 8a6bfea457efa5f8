-- One reset token a user; refresh tokens that are given again for a moment, and two rows a session.

-- Of several tokens of a user the one that lasts longest stays.
DELETE FROM reset_tokens AS old USING reset_tokens AS kept
WHERE kept.user_id = old.user_id AND (kept.expires_at, kept.hash) > (old.expires_at, old.hash);
ALTER TABLE reset_tokens ADD CONSTRAINT reset_tokens_user_id_key UNIQUE (user_id);
DROP INDEX reset_tokens_user_id_idx;

-- SHA-256 of what all refresh tokens of a session have in common: a spent token is recognised when
-- its row is gone. Empty for sessions of before, until their next refresh.
ALTER TABLE sessions ADD COLUMN token_family bytea;
CREATE UNIQUE INDEX sessions_token_family_idx ON sessions (token_family);

-- Of a spent token: what its successor was derived with, and the successor's hash.
ALTER TABLE refresh_tokens ADD COLUMN salt bytea, ADD COLUMN successor bytea;
