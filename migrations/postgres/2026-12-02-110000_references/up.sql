-- An owner's messages with one reference, newest first.
CREATE INDEX messages_reference ON messages (owner_id, reference, id) WHERE reference IS NOT NULL;
