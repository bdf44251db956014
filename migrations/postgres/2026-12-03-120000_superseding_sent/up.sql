-- The messages with a key that have passed the fence, newest first.
CREATE INDEX messages_superseding_sent ON messages (owner_id, destination, supersede_key, id) WHERE supersede_key IS NOT NULL
    AND dispatch >= 3 AND dispatch <= 6 AND dispatch <> 5;
