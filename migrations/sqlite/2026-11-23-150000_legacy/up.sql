-- What `messaging import-legacy` has taken from the system before this one, so that nothing is taken twice. kind: 1 user,
-- 2 campaign, 3 message; our_id is the user's or campaign's, message_id the message's.
CREATE TABLE legacy_imports (
  kind INTEGER NOT NULL,
  legacy_id INTEGER NOT NULL,
  our_id INTEGER,
  message_id BLOB,
  PRIMARY KEY (kind, legacy_id)
) STRICT, WITHOUT ROWID;
