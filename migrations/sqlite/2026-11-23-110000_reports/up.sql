-- Delivery reports as they came, one row for each, written before they are acknowledged. id is a hash of the content, so
-- that a repeated report is the same row. form: 1 JSON, 2 query; state: 1 waits, 2 applied, 3 nobody's after 72 hours,
-- 4 cannot be read. message_id and provider_message_id are what it names. Bodies hold numbers: they stay in here.
CREATE TABLE reports (
  id BLOB PRIMARY KEY NOT NULL,
  received_at INTEGER NOT NULL,
  form INTEGER NOT NULL,
  body BLOB NOT NULL,
  message_id BLOB,
  provider_message_id TEXT,
  state INTEGER NOT NULL,
  tries INTEGER NOT NULL,
  due_at INTEGER
) STRICT, WITHOUT ROWID;
-- Those that wait.
CREATE INDEX reports_due ON reports (due_at) WHERE due_at IS NOT NULL;
-- All that was said of a message.
CREATE INDEX reports_message ON reports (message_id) WHERE message_id IS NOT NULL;
CREATE INDEX reports_provider ON reports (provider_message_id) WHERE provider_message_id IS NOT NULL;

-- Messages from recipients, as they came: the same words twice are two rows. state: 1 waits, 2 done, 4 cannot be read,
-- 5 for somebody to look at. verdict: 1 stop, 2 start, 3 perhaps stop, 4 something else; owner_id: whom it concerns.
CREATE TABLE inbound (
  id BLOB PRIMARY KEY NOT NULL,
  received_at INTEGER NOT NULL,
  form INTEGER NOT NULL,
  body BLOB NOT NULL,
  state INTEGER NOT NULL,
  due_at INTEGER,
  verdict INTEGER,
  owner_id INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX inbound_due ON inbound (due_at) WHERE due_at IS NOT NULL;
-- What somebody has to look at, oldest first.
CREATE INDEX inbound_review ON inbound (received_at) WHERE state = 5;
