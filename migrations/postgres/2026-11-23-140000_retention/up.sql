-- Erasing what is old is work in small pages, done by one replica at a time: the row of a chore is its lock, after_id says how
-- far it is, and due_at when it goes on.
CREATE TABLE chores (
  name text PRIMARY KEY,
  after_id uuid NOT NULL,
  due_at timestamptz NOT NULL
);
INSERT INTO chores (name, after_id, due_at)
  SELECT name, '00000000-0000-0000-0000-000000000000', '2000-01-01 00:00:00+00'
  FROM unnest(ARRAY['texts', 'texts_left', 'rows', 'rows_left', 'bodies']) AS name;
-- Messages that a chore came by while they were still under way, or were scheduled for later: they are looked at again.
CREATE TABLE chores_left (
  chore text NOT NULL,
  message_id uuid NOT NULL,
  PRIMARY KEY (chore, message_id)
);
-- One row, once something was erased: what the key of the pseudonyms is known by, so that no other is used.
CREATE TABLE pseudonym_key (
  id smallint PRIMARY KEY CHECK (id = 1),
  check_value bytea NOT NULL
);
-- Reports that are done with, and numbers that are not pseudonyms, by their age: what is erased is at the beginning.
CREATE INDEX reports_age ON reports (received_at) WHERE due_at IS NULL;
CREATE INDEX opt_outs_age ON opt_outs (created_at) WHERE destination < '~';
