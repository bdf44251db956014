-- How much of a process's shares an owner may have at once; NULL is what any owner may.
ALTER TABLE users ADD COLUMN max_calls integer;
ALTER TABLE users ADD COLUMN max_streams integer;
ALTER TABLE users ADD COLUMN max_uploads integer;
ALTER TABLE users ADD COLUMN max_refreshes integer;
