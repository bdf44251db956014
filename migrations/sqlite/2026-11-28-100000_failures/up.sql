-- The processes that serve this database: who was there when, and by what its key of pseudonyms is known. That it can be
-- written is what readiness means.
CREATE TABLE processes (
  holder BLOB PRIMARY KEY NOT NULL,
  started_at INTEGER NOT NULL,
  seen_at INTEGER NOT NULL,
  key_check BLOB
) STRICT, WITHOUT ROWID;
-- START of one owner's recipients by time: an older STOP that is read later does not undo it.
CREATE INDEX inbound_starts ON inbound (owner_id, received_at) WHERE verdict = 2;
-- Lists of a campaign's messages, and of the few that did not end well, newest first.
CREATE INDEX messages_owner_campaign ON messages (owner_id, campaign_id, id) WHERE campaign_id IS NOT NULL;
CREATE INDEX messages_troubled ON messages (owner_id, status, id) WHERE status IN (6, 7, 8, 9);
