ALTER TABLE campaigns DROP COLUMN steps;
DROP TABLE owner_events;
