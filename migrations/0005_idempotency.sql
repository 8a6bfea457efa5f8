-- Idempotency keys hold nothing that leads to a password, and nothing of a user who was deleted.

-- The old ones are plain hashes of bodies with passwords in them.
DELETE FROM idempotency_keys;
ALTER TABLE idempotency_keys
    -- HMAC of the request without its password: the same key with another request is refused.
    DROP COLUMN body_sha256,
    ADD COLUMN fingerprint bytea NOT NULL,
    ADD COLUMN user_id uuid,
    -- Empty once the user has been deleted: the key stays, and says so.
    ALTER COLUMN response DROP NOT NULL;
CREATE INDEX idempotency_keys_user_id_idx ON idempotency_keys (user_id);

-- A trigger, so that no way to delete a user goes around it.
CREATE FUNCTION users_empty_responses() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE idempotency_keys SET response = NULL, user_id = NULL WHERE user_id = OLD.id;
    RETURN NULL;
END
$$;
CREATE TRIGGER users_empty_responses AFTER DELETE ON users
    FOR EACH ROW EXECUTE FUNCTION users_empty_responses();
