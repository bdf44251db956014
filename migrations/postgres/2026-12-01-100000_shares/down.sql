ALTER TABLE users DROP COLUMN max_refreshes;
ALTER TABLE users DROP COLUMN max_uploads;
ALTER TABLE users DROP COLUMN max_streams;
ALTER TABLE users DROP COLUMN max_calls;
