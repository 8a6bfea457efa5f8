-- Limits of the role that migrates, which is also the app's unless the operator separates them.
-- A pooled connection keeps its session: without these, a statement or a transaction that nobody
-- waits for any more would hold its locks, and the next borrower would inherit it.
DO $$
BEGIN
    EXECUTE format('ALTER ROLE %I IN DATABASE %I SET statement_timeout = %L',
                   current_user, current_database(), '5s');
    EXECUTE format('ALTER ROLE %I IN DATABASE %I SET idle_in_transaction_session_timeout = %L',
                   current_user, current_database(), '5s');
    EXECUTE format('ALTER ROLE %I IN DATABASE %I SET lock_timeout = %L',
                   current_user, current_database(), '3s');
END
$$;
