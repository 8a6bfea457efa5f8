-- Users of another system: their ids there, and the password hashes that they had there.

-- Id of the user in the system that they were imported from. Empty for all others.
ALTER TABLE users
    ADD COLUMN external_id text,
    ADD CONSTRAINT users_external_id_key UNIQUE (external_id),
    ADD CONSTRAINT users_external_id_check CHECK (length(external_id) BETWEEN 1 AND 200);

-- The forms that the app verifies. All but Argon2id are replaced at the first login.
ALTER TABLE users
    DROP CONSTRAINT users_password_hash_check,
    ADD CONSTRAINT users_password_hash_check CHECK (
        password_hash ~ '^([$](argon2(id|i|d)|2[aby]|pbkdf2-sha(256|512)|scrypt)|pbkdf2_sha256)[$]');
