-- The client in the audit trail, as a keyed fingerprint of its address: events of one origin can be
-- found together, and the address itself is not stored.
ALTER TABLE audit ADD COLUMN client text;
