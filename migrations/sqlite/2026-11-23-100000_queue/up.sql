-- The queue a message waits in: 0 is the single sends', else the campaign's whose expansion made it.
ALTER TABLE messages ADD COLUMN lane INTEGER NOT NULL DEFAULT 0;
-- The queue, by lane, owner and route account, so that they can take turns: a loose scan finds the streams, and a range
-- is one of them.
CREATE INDEX messages_queue ON messages (lane, owner_id, traffic_account_id, due_at) WHERE dispatch = 1;
-- The timers of everything else.
DROP INDEX messages_due;
CREATE INDEX messages_due ON messages (dispatch, due_at) WHERE due_at IS NOT NULL AND dispatch <> 1;
-- Single sends that wait, by the end of their validity; a campaign's messages all end at one time, which it knows.
CREATE INDEX messages_validity ON messages (expires_at) WHERE dispatch IN (0, 1) AND lane = 0;
-- A refresh asks about what the provider knows, and nothing else: an entry is made once, when the id comes.
DROP INDEX messages_campaign;
CREATE INDEX messages_campaign ON messages (campaign_id, provider_message_id)
  WHERE campaign_id IS NOT NULL AND provider_message_id IS NOT NULL;
-- The dead, for those who look after them.
CREATE INDEX messages_dead ON messages (id) WHERE dispatch = 9;

-- How far a campaign is: its recipients, those that were refused while they were added, and how many are messages by now.
ALTER TABLE campaigns ADD COLUMN recipients INTEGER NOT NULL DEFAULT 0;
ALTER TABLE campaigns ADD COLUMN duplicates INTEGER NOT NULL DEFAULT 0;
ALTER TABLE campaigns ADD COLUMN invalid INTEGER NOT NULL DEFAULT 0;
ALTER TABLE campaigns ADD COLUMN expanded INTEGER NOT NULL DEFAULT 0;
ALTER TABLE campaigns ADD COLUMN expanded_to TEXT NOT NULL DEFAULT '';
ALTER TABLE campaigns ADD COLUMN started_at INTEGER;
ALTER TABLE campaigns ADD COLUMN ended_at INTEGER;
-- Those that a worker has something to do for: started, and not over (2 scheduled … 6 completed).
CREATE INDEX campaigns_alive ON campaigns (id) WHERE state <> 1 AND ended_at IS NULL;

-- A campaign's recipients until it is over; variables is a JSON object, empty if there are none.
CREATE TABLE recipients (
  campaign_id INTEGER NOT NULL REFERENCES campaigns (id),
  destination TEXT NOT NULL,
  variables TEXT NOT NULL,
  PRIMARY KEY (campaign_id, destination)
) STRICT, WITHOUT ROWID;

-- What a send has to pass, for all replicas together: '*' is the provider as a whole, else a route account.
-- rate is in parts a second (NULL: the configured default, 0: no limit); admitted_to is the theoretical arrival time of
-- the generic cell rate algorithm; hold is the number of src/domain/gate.rs.
CREATE TABLE gates (
  name TEXT PRIMARY KEY NOT NULL,
  rate INTEGER,
  burst INTEGER,
  admitted_to INTEGER,
  hold INTEGER NOT NULL DEFAULT 0,
  hold_until INTEGER,
  hold_since INTEGER,
  hold_code TEXT,
  strikes INTEGER NOT NULL DEFAULT 0,
  probed_by BLOB,
  probed_until INTEGER
) STRICT, WITHOUT ROWID;

-- Numbers that do not want this owner's messages.
CREATE TABLE opt_outs (
  owner_id INTEGER NOT NULL,
  destination TEXT NOT NULL,
  source INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  PRIMARY KEY (owner_id, destination)
) STRICT, WITHOUT ROWID;

-- How many of a user's queued messages one process has in flight at most; NULL: the configured default.
ALTER TABLE users ADD COLUMN max_in_flight INTEGER;
