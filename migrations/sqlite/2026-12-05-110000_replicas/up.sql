-- Of each process that serves: its release, and how many provider calls it has in flight. NULL of one of the release before.
ALTER TABLE processes ADD COLUMN version TEXT;
ALTER TABLE processes ADD COLUMN in_flight INTEGER;
-- The acts of one kind are read newest first.
CREATE INDEX audit_act ON audit (act, id);
