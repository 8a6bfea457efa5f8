-- Attributes of users: values that a deployment defines for itself.

-- The size is that of the object as text, as Postgres prints it.
ALTER TABLE users
    ADD COLUMN attributes jsonb NOT NULL DEFAULT '{}',
    ADD CONSTRAINT users_attributes_check
        CHECK (jsonb_typeof(attributes) = 'object' AND octet_length(attributes::text) <= 8192);

-- For filters: only containment.
CREATE INDEX users_attributes_idx ON users USING gin (attributes jsonb_path_ops);

-- Applies a merge patch (RFC 7396).
CREATE FUNCTION merge_patch(target jsonb, patch jsonb) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    result jsonb := CASE WHEN jsonb_typeof(target) = 'object' THEN target ELSE '{}' END;
    member record;
BEGIN
    IF jsonb_typeof(patch) <> 'object' THEN
        RETURN patch;
    END IF;
    FOR member IN SELECT key, value FROM jsonb_each(patch) LOOP
        result := CASE jsonb_typeof(member.value)
            WHEN 'null' THEN result - member.key
            WHEN 'object' THEN
                jsonb_set(result, ARRAY[member.key], merge_patch(result -> member.key, member.value))
            ELSE jsonb_set(result, ARRAY[member.key], member.value)
        END;
    END LOOP;
    RETURN result;
END
$$;
