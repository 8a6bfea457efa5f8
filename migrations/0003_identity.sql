-- Sessions, refresh tokens, reset tokens, login attempts, hash leases, the audit trail, and the rule
-- that an active admin remains.

-- A session is alive while its row is here, has not expired, and has the epoch of its user: raising
-- the user's epoch ends all of them at once.
ALTER TABLE users ADD COLUMN session_epoch bigint NOT NULL DEFAULT 0;

CREATE TABLE sessions (
    id              uuid        PRIMARY KEY,
    user_id         uuid        NOT NULL,
    epoch           bigint      NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    last_used_at    timestamptz NOT NULL DEFAULT now(),
    -- Moved on by every refresh, never beyond expires_at.
    idle_expires_at timestamptz NOT NULL,
    expires_at      timestamptz NOT NULL,
    CONSTRAINT sessions_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE
);
CREATE INDEX sessions_user_id_idx ON sessions (user_id, created_at, id);
CREATE INDEX sessions_idle_expires_at_idx ON sessions (idle_expires_at);

-- Spent tokens stay until their session goes: a second use of one is a replay.
CREATE TABLE refresh_tokens (
    -- SHA-256 of the token, which itself is never stored.
    hash       bytea       PRIMARY KEY,
    session_id uuid        NOT NULL,
    issued_at  timestamptz NOT NULL DEFAULT now(),
    spent_at   timestamptz,
    CONSTRAINT refresh_tokens_session_id_fkey
        FOREIGN KEY (session_id) REFERENCES sessions (id) ON DELETE CASCADE
);
CREATE INDEX refresh_tokens_session_id_idx ON refresh_tokens (session_id);

-- One-time tokens with which a user sets a password without the old one.
CREATE TABLE reset_tokens (
    hash       bytea       PRIMARY KEY,
    user_id    uuid        NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    expires_at timestamptz NOT NULL
);
CREATE INDEX reset_tokens_user_id_idx ON reset_tokens (user_id);

-- Guesses by account and by client address, under the SHA-256 of either.
CREATE TABLE login_attempts (
    key           bytea       PRIMARY KEY,
    failures      integer     NOT NULL,
    refused_until timestamptz NOT NULL,
    last_at       timestamptz NOT NULL
);
CREATE INDEX login_attempts_last_at_idx ON login_attempts (last_at);

-- Who may hash a password now, when Redis cannot say.
CREATE TABLE hash_leases (
    host       text        NOT NULL,
    slot       integer     NOT NULL,
    holder     uuid        NOT NULL,
    expires_at timestamptz NOT NULL,
    CONSTRAINT hash_leases_pkey PRIMARY KEY (host, slot)
);

-- One row once the first admin was made: a deleted one does not come back.
CREATE TABLE bootstrap (
    only_row boolean     PRIMARY KEY DEFAULT true CHECK (only_row),
    done_at  timestamptz NOT NULL DEFAULT now()
);

-- Security events. No foreign keys: a row outlives its users. No personal data beyond their ids.
CREATE TABLE audit (
    id         uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    at         timestamptz NOT NULL DEFAULT now(),
    action     text        NOT NULL,
    -- Who did it, when known, and to whom.
    actor_id   uuid,
    target_id  uuid,
    request_id text        NOT NULL
);
CREATE INDEX audit_at_idx ON audit (at, id);
CREATE INDEX audit_action_idx ON audit (action, at, id);
CREATE INDEX audit_actor_id_idx ON audit (actor_id, at, id);
CREATE INDEX audit_target_id_idx ON audit (target_id, at, id);

-- The last active admin stays one. The lock puts changes of this kind in a row, and the query after
-- it sees what the one before has committed.
CREATE FUNCTION users_keep_an_admin() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('users_last_admin_check', 0));
    IF NOT EXISTS (SELECT FROM users WHERE role = 'admin' AND is_active AND id <> OLD.id) THEN
        RAISE EXCEPTION 'the last active admin must remain'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'users_last_admin_check';
    END IF;
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END
$$;
CREATE TRIGGER users_last_admin_update BEFORE UPDATE OF role, is_active ON users
    FOR EACH ROW WHEN (OLD.role = 'admin' AND OLD.is_active AND NOT (NEW.role = 'admin' AND NEW.is_active))
    EXECUTE FUNCTION users_keep_an_admin();
CREATE TRIGGER users_last_admin_delete BEFORE DELETE ON users
    FOR EACH ROW WHEN (OLD.role = 'admin' AND OLD.is_active)
    EXECUTE FUNCTION users_keep_an_admin();
