ALTER TABLE messages DROP COLUMN superseded;
ALTER TABLE messages DROP COLUMN superseded_id;
ALTER TABLE messages DROP COLUMN supersede_key;
