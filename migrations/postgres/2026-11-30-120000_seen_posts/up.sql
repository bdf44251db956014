-- Signed posts of messages from recipients, by a hash of their id and their body, for as long as their signed time counts: one
-- that was recorded and is posted again changes nothing.
CREATE TABLE seen_posts (
  id bytea PRIMARY KEY,
  until_at timestamptz NOT NULL
);
CREATE INDEX seen_posts_until ON seen_posts (until_at);
