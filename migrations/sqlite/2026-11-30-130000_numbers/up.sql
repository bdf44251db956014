-- One number's messages of one owner, as before, and now also of whoever wrote to it: a STOP looks at them alone.
CREATE INDEX messages_number ON messages (destination, owner_id, id);
DROP INDEX messages_destination;
-- Whose sender a recipient wrote to.
CREATE INDEX users_sender ON users (lower(sender_name));
