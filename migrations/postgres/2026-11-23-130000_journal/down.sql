DROP INDEX events_journal;
ALTER TABLE events DROP COLUMN place;
