-- How much of a process's shares an owner may have at once; NULL is what any owner may.
ALTER TABLE users ADD COLUMN max_calls INTEGER;
ALTER TABLE users ADD COLUMN max_streams INTEGER;
ALTER TABLE users ADD COLUMN max_uploads INTEGER;
ALTER TABLE users ADD COLUMN max_refreshes INTEGER;
