-- Users, and the idempotency keys of requests that create them.

CREATE TABLE users (
    id            uuid        PRIMARY KEY,
    -- ASCII and lower case, so that equality is the case-insensitive uniqueness of the contract.
    email         text        NOT NULL,
    full_name     text        NOT NULL,
    role          text        NOT NULL DEFAULT 'user',
    is_active     boolean     NOT NULL DEFAULT true,
    password_hash text,
    version       bigint      NOT NULL DEFAULT 1,
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT users_email_key UNIQUE (email),
    CONSTRAINT users_email_check CHECK (email = lower(email) AND length(email) BETWEEN 3 AND 254),
    CONSTRAINT users_full_name_check CHECK (length(full_name) BETWEEN 1 AND 200),
    CONSTRAINT users_role_check CHECK (role IN ('user', 'admin')),
    CONSTRAINT users_password_hash_check CHECK (password_hash LIKE '$argon2id$%'),
    CONSTRAINT users_version_check CHECK (version > 0)
);

-- One index a sort key; the id breaks ties, and each is read in both directions.
CREATE INDEX users_created_at_idx ON users (created_at, id);
CREATE INDEX users_updated_at_idx ON users (updated_at, id);
CREATE INDEX users_email_sort_idx ON users (email COLLATE "C", id);
CREATE INDEX users_full_name_idx ON users (full_name COLLATE "C", id);
-- Filters, in the default order; `q` is a prefix of the email or of the name.
CREATE INDEX users_role_idx ON users (role, created_at, id);
CREATE INDEX users_is_active_idx ON users (is_active, created_at, id);
CREATE INDEX users_email_prefix_idx ON users (email text_pattern_ops);
CREATE INDEX users_full_name_prefix_idx ON users (lower(full_name) text_pattern_ops);

CREATE TABLE idempotency_keys (
    caller      text        NOT NULL,
    route       text        NOT NULL,
    key         text        NOT NULL,
    -- SHA-256 of the request body: the same key with another body is refused.
    body_sha256 bytea       NOT NULL,
    -- The user as it was answered, replayed word for word.
    response    jsonb       NOT NULL,
    expires_at  timestamptz NOT NULL,
    CONSTRAINT idempotency_keys_pkey PRIMARY KEY (caller, route, key)
);
CREATE INDEX idempotency_keys_expires_at_idx ON idempotency_keys (expires_at);
