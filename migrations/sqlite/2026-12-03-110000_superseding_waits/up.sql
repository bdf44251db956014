-- The messages with a key that wait for their time, in the queue or for the fence: those that a newer one cancels.
CREATE INDEX messages_superseding_waits ON messages (owner_id, destination, supersede_key) WHERE supersede_key IS NOT NULL
    AND dispatch < 3;
