-- The key by which a message takes the place of older ones, and the newest of those: its id and what became of it (the numbers of
-- src/domain/supersede.rs). NULL is none.
ALTER TABLE messages ADD COLUMN supersede_key TEXT;
ALTER TABLE messages ADD COLUMN superseded_id BLOB;
ALTER TABLE messages ADD COLUMN superseded INTEGER;
