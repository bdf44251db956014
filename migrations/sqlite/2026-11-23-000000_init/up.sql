-- Users own messages and campaigns.
CREATE TABLE users (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL,
  sender_name TEXT,
  created_at INTEGER NOT NULL
) STRICT;

-- API keys: only the SHA-256 of a key is kept.
CREATE TABLE api_keys (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  user_id INTEGER NOT NULL REFERENCES users (id),
  hash BLOB NOT NULL UNIQUE,
  hint TEXT NOT NULL,
  scopes TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  revoked_at INTEGER
) STRICT;
CREATE INDEX api_keys_user ON api_keys (user_id);

CREATE TABLE campaigns (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  owner_id INTEGER NOT NULL REFERENCES users (id),
  name TEXT NOT NULL,
  text TEXT NOT NULL,
  sender TEXT,
  delivery_guarantee INTEGER NOT NULL,
  scheduled_at INTEGER,
  validity_seconds INTEGER NOT NULL,
  state INTEGER NOT NULL,
  first_sent_at INTEGER,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT;
CREATE INDEX campaigns_owner ON campaigns (owner_id, id);

-- Times are microseconds since the Unix epoch, UUIDs 16 bytes.
-- A message is its own queue entry. dispatch, delivery_rank and status hold the numbers of src/domain.
CREATE TABLE messages (
  id BLOB PRIMARY KEY NOT NULL,
  owner_id INTEGER NOT NULL,
  campaign_id INTEGER,
  destination TEXT NOT NULL,
  text TEXT NOT NULL,
  sender TEXT NOT NULL,
  traffic_account_id TEXT NOT NULL,
  segments INTEGER NOT NULL,
  encoding INTEGER NOT NULL,
  delivery_guarantee INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  scheduled_at INTEGER,
  expires_at INTEGER NOT NULL,
  dispatch INTEGER NOT NULL,
  delivery_rank INTEGER NOT NULL,
  status INTEGER NOT NULL,
  evidence_at INTEGER,
  evidence_hash INTEGER NOT NULL,
  provider_message_id TEXT,
  provider_status TEXT,
  bulk_id TEXT,
  error_code TEXT,
  error TEXT,
  attempts INTEGER NOT NULL,
  ambiguous INTEGER NOT NULL,
  crashes INTEGER NOT NULL,
  possible_duplicate INTEGER NOT NULL,
  held_by BLOB,
  epoch INTEGER NOT NULL,
  due_at INTEGER,
  sent_at INTEGER,
  delivered_at INTEGER,
  failed_at INTEGER,
  updated_at INTEGER NOT NULL,
  version INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
-- The owner's list, newest first.
CREATE INDEX messages_owner ON messages (owner_id, id);
-- The owner's list of one number.
CREATE INDEX messages_destination ON messages (owner_id, destination, id);
-- A campaign's messages, in the order in which a bulk refresh walks them.
CREATE INDEX messages_campaign ON messages (campaign_id, provider_message_id) WHERE campaign_id IS NOT NULL;
-- Reports and refreshes name the provider's id; several messages may carry one.
CREATE INDEX messages_provider ON messages (provider_message_id, owner_id) WHERE provider_message_id IS NOT NULL;
-- The queue and the timers.
CREATE INDEX messages_due ON messages (dispatch, due_at) WHERE due_at IS NOT NULL;

-- Everything that happened to a message; version is the message's after it.
CREATE TABLE events (
  message_id BLOB NOT NULL,
  version INTEGER NOT NULL,
  owner_id INTEGER NOT NULL,
  at INTEGER NOT NULL,
  kind INTEGER NOT NULL,
  from_status INTEGER NOT NULL,
  to_status INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  evidence TEXT NOT NULL,
  PRIMARY KEY (message_id, version)
) STRICT, WITHOUT ROWID;

-- What a repeated call with the same key is answered with. call: the RPC's number in src/store.
CREATE TABLE idempotency_keys (
  owner_id INTEGER NOT NULL,
  call INTEGER NOT NULL,
  key TEXT NOT NULL,
  fingerprint BLOB NOT NULL,
  message_id BLOB,
  campaign_id INTEGER,
  created_at INTEGER NOT NULL,
  PRIMARY KEY (owner_id, call, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_keys_age ON idempotency_keys (created_at);

-- A campaign's messages by status: the sum of its counter rows and of the changes not yet rolled up into them.
CREATE TABLE campaign_counters (
  campaign_id INTEGER NOT NULL,
  status INTEGER NOT NULL,
  n INTEGER NOT NULL,
  PRIMARY KEY (campaign_id, status)
) STRICT, WITHOUT ROWID;
CREATE TABLE campaign_counter_changes (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  campaign_id INTEGER NOT NULL,
  status INTEGER NOT NULL,
  n INTEGER NOT NULL
) STRICT;
CREATE INDEX campaign_counter_changes_campaign ON campaign_counter_changes (campaign_id);
