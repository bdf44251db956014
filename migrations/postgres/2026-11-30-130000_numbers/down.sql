DROP INDEX users_sender;
CREATE INDEX messages_destination ON messages (owner_id, destination, id);
DROP INDEX messages_number;
