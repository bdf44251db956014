-- Events get a place in one order for all owners, in which nothing that commits late can come before what was read already.
-- The place is the id of the writing transaction or, if that is larger, of the newest one that had ended when the events were
-- written: by then the transaction has all its locks, so that a message's events keep their order. Every transaction that is
-- still open has an id of at least pg_snapshot_xmin, so that nothing new comes below it. What was written before this
-- migration has no place and is not told to watchers.
ALTER TABLE events ADD COLUMN place bigint;
-- For programs of before, which do not name the column. Ours computes it once for all rows of a statement.
ALTER TABLE events ALTER COLUMN place SET DEFAULT
  GREATEST(pg_current_xact_id()::text::bigint, pg_snapshot_xmax(pg_current_snapshot())::text::bigint - 1);
-- An owner's changes of state in their order. The events of one transaction have one place: Postgres keeps such entries
-- together, at the end of the index.
CREATE INDEX events_journal ON events (owner_id, place) WHERE place IS NOT NULL AND from_status <> to_status;
