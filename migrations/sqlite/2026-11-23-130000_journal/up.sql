-- Events get a place in one order for all owners. One transaction writes at a time, so a number that grows from one to the
-- next is the order of commits. What was written before this migration has no place and is not told to watchers.
ALTER TABLE events ADD COLUMN place INTEGER;
-- An owner's changes of state in their order.
CREATE INDEX events_journal ON events (owner_id, place) WHERE place IS NOT NULL AND from_status <> to_status;

-- One row: what names this database to those who hold a place in it, and the last place that was given.
CREATE TABLE journal (
  id BLOB NOT NULL,
  place INTEGER NOT NULL
) STRICT;
INSERT INTO journal (id, place) VALUES (randomblob(16), 0);
