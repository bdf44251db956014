DROP INDEX messages_troubled;
CREATE INDEX messages_troubled ON messages (owner_id, status, id) WHERE status IN (6, 7, 8, 9);
