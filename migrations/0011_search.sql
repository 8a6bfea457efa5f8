-- Names are searched and sorted as people do, whatever the database's own locale: with Unicode's rules,
-- by ICU. Postgres has to be built with ICU, as all its distributions are.

-- Case folding in NFC. Upper case first: it makes SS of the German sharp s and one letter of both
-- lower-case sigmas, of which the last one in a word differs again in lower case.
CREATE FUNCTION users_fold(value text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT AS $$
    SELECT normalize(replace(lower(upper(normalize(value, NFC) COLLATE "und-x-icu") COLLATE "und-x-icu"),
        U&'\03C2', U&'\03C3'), NFC)
$$;

-- As they are written from now on.
UPDATE users SET full_name = normalize(full_name, NFC), version = version + 1, updated_at = now()
WHERE full_name IS NOT NFC NORMALIZED AND length(normalize(full_name, NFC)) <= 200;

CREATE INDEX users_full_name_search_idx ON users (users_fold(full_name) text_pattern_ops);
CREATE INDEX users_full_name_sort_idx ON users (full_name COLLATE "und-x-icu", id);
DROP INDEX users_full_name_prefix_idx;
DROP INDEX users_full_name_idx;
