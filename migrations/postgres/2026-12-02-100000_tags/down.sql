ALTER TABLE recipients DROP COLUMN metadata;
ALTER TABLE recipients DROP COLUMN reference;
ALTER TABLE campaigns DROP COLUMN metadata;
ALTER TABLE campaigns DROP COLUMN reference;
ALTER TABLE messages DROP COLUMN metadata;
ALTER TABLE messages DROP COLUMN reference;
