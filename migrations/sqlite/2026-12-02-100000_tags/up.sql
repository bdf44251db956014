-- Callers' own tags: a reference, and metadata as a JSON object. NULL is none.
ALTER TABLE messages ADD COLUMN reference TEXT;
ALTER TABLE messages ADD COLUMN metadata TEXT;
ALTER TABLE campaigns ADD COLUMN reference TEXT;
ALTER TABLE campaigns ADD COLUMN metadata TEXT;
ALTER TABLE recipients ADD COLUMN reference TEXT;
ALTER TABLE recipients ADD COLUMN metadata TEXT;
