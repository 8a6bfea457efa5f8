-- The resource of the component __names__.

CREATE TABLE __names__ (
    id         uuid        PRIMARY KEY,
    name       text        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT __names___name_check CHECK (length(name) BETWEEN 1 AND 200)
);

-- The sort key; the id breaks ties, and the index is read in both directions.
CREATE INDEX __names___created_at_idx ON __names__ (created_at, id);

-- As before, with the rights of the app on the new table.
{{ grant_rights }}
SELECT grant_rights();
