-- Erasing what is old is work in small pages: after_id says how far a chore is, due_at when it goes on.
CREATE TABLE chores (
  name TEXT PRIMARY KEY NOT NULL,
  after_id BLOB NOT NULL,
  due_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO chores (name, after_id, due_at) VALUES
  ('texts', zeroblob(16), 0), ('texts_left', zeroblob(16), 0), ('rows', zeroblob(16), 0), ('rows_left', zeroblob(16), 0),
  ('bodies', zeroblob(16), 0);
-- Messages that a chore came by while they were still under way, or were scheduled for later: they are looked at again.
CREATE TABLE chores_left (
  chore TEXT NOT NULL,
  message_id BLOB NOT NULL,
  PRIMARY KEY (chore, message_id)
) STRICT, WITHOUT ROWID;
-- One row, once something was erased: what the key of the pseudonyms is known by, so that no other is used.
CREATE TABLE pseudonym_key (
  id INTEGER PRIMARY KEY NOT NULL CHECK (id = 1),
  check_value BLOB NOT NULL
) STRICT;
-- Reports that are done with, and numbers that are not pseudonyms, by their age: what is erased is at the beginning.
CREATE INDEX reports_age ON reports (received_at) WHERE due_at IS NULL;
CREATE INDEX opt_outs_age ON opt_outs (created_at) WHERE destination < '~';
