-- Login attempts in windows of 15 minutes, under keys that only the app can compute.

-- The counts of before are under plain hashes of emails. `last_at` is for the release before this one,
-- which still writes it while it is replaced.
DELETE FROM login_attempts;
ALTER TABLE login_attempts
    ADD COLUMN window_started_at timestamptz NOT NULL DEFAULT now(),
    ALTER COLUMN failures SET DEFAULT 0,
    ALTER COLUMN refused_until SET DEFAULT 'epoch',
    ALTER COLUMN last_at SET DEFAULT now();
DROP INDEX login_attempts_last_at_idx;
CREATE INDEX login_attempts_window_started_at_idx ON login_attempts (window_started_at);

-- The networks that a user has signed in from, as keyed fingerprints.
CREATE TABLE known_networks (
    user_id       uuid        NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    network       bytea       NOT NULL,
    last_login_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, network)
);
