-- Addresses of an owner's own, to which its events are delivered. A secret is derived from the service's key, whose mark is here, the
-- id and the rotation; nothing of it is stored. `revision` grows with every change, so that whoever delivers notices.
CREATE TABLE webhook_endpoints (
  id BLOB PRIMARY KEY NOT NULL,
  owner_id INTEGER NOT NULL REFERENCES users (id),
  url TEXT NOT NULL,
  description TEXT NOT NULL,
  types TEXT NOT NULL,
  campaign_id INTEGER,
  metadata TEXT,
  max_batch INTEGER NOT NULL,
  max_wait_ms INTEGER NOT NULL,
  max_rate INTEGER,
  max_age_seconds INTEGER NOT NULL,
  with_destination INTEGER NOT NULL,
  with_text INTEGER NOT NULL,
  state INTEGER NOT NULL,
  key_mark BLOB NOT NULL,
  rotation INTEGER NOT NULL,
  old_mark BLOB,
  old_rotation INTEGER,
  old_until INTEGER,
  revision INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT;
CREATE INDEX webhook_endpoints_owner ON webhook_endpoints (owner_id, id);

-- How far an endpoint's events are delivered: everything up to the place in the journal, and what is in `ahead` besides. One process
-- at a time holds a cursor. `kind` is 1 for what happens, 2 for a stretch of the past that is told again, which ends before the place
-- `until_place`. A cursor that is not active rests.
CREATE TABLE webhook_cursors (
  id BLOB PRIMARY KEY NOT NULL,
  endpoint_id BLOB NOT NULL REFERENCES webhook_endpoints (id),
  owner_id INTEGER NOT NULL,
  kind INTEGER NOT NULL,
  active INTEGER NOT NULL,
  until_place INTEGER,
  types TEXT NOT NULL,
  place INTEGER NOT NULL,
  message_id BLOB NOT NULL,
  version INTEGER NOT NULL,
  ahead BLOB NOT NULL,
  held_by BLOB,
  epoch INTEGER NOT NULL,
  held_until INTEGER,
  probes INTEGER NOT NULL,
  failing_since INTEGER,
  next_try_at INTEGER,
  taken_at INTEGER,
  outcome INTEGER,
  http_status INTEGER,
  created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX webhook_cursors_endpoint ON webhook_cursors (endpoint_id);
CREATE INDEX webhook_cursors_active ON webhook_cursors (id) WHERE active;

-- Events that an endpoint did not take while it took others, each with tries of its own; and what comes later of the same message,
-- which waits behind. `state` is 1 for one that waits, 2 for one that was given up.
CREATE TABLE webhook_exceptions (
  id BLOB PRIMARY KEY NOT NULL,
  cursor_id BLOB NOT NULL,
  endpoint_id BLOB NOT NULL,
  message_id BLOB NOT NULL,
  version INTEGER NOT NULL,
  place INTEGER NOT NULL,
  from_status INTEGER NOT NULL,
  to_status INTEGER NOT NULL,
  at INTEGER NOT NULL,
  state INTEGER NOT NULL,
  tries INTEGER NOT NULL,
  first_at INTEGER NOT NULL,
  next_try_at INTEGER,
  outcome INTEGER,
  http_status INTEGER,
  updated_at INTEGER NOT NULL,
  UNIQUE (cursor_id, message_id, version)
) STRICT;
CREATE INDEX webhook_exceptions_endpoint ON webhook_exceptions (endpoint_id, id);
CREATE INDEX webhook_exceptions_over ON webhook_exceptions (updated_at) WHERE state = 2;
