-- Signed posts of messages from recipients, by a hash of their id and their body, for as long as their signed time counts: one
-- that was recorded and is posted again changes nothing.
CREATE TABLE seen_posts (
  id BLOB PRIMARY KEY NOT NULL,
  until_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX seen_posts_until ON seen_posts (until_at);
