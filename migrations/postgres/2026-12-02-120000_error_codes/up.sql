-- An owner's messages with one error code, newest first.
CREATE INDEX messages_error_code ON messages (owner_id, error_code, id) WHERE error_code IS NOT NULL;
