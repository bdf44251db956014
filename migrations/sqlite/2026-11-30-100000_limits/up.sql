-- What an owner may use and spend. Lists are words separated by spaces; NULL is no limit, and every name.
ALTER TABLE users ADD COLUMN senders TEXT;
ALTER TABLE users ADD COLUMN accounts TEXT;
ALTER TABLE users ADD COLUMN countries TEXT;
ALTER TABLE users ADD COLUMN segments_per_day INTEGER;
ALTER TABLE users ADD COLUMN segments_per_month INTEGER;
ALTER TABLE users ADD COLUMN per_number INTEGER;
ALTER TABLE users ADD COLUMN per_number_seconds INTEGER;
-- The segments that limited owners' messages took: period 1 is a day, 2 a month, by UTC.
CREATE TABLE spent (
  owner_id INTEGER NOT NULL,
  period INTEGER NOT NULL,
  began INTEGER NOT NULL,
  segments INTEGER NOT NULL,
  PRIMARY KEY (owner_id, period, began)
) STRICT, WITHOUT ROWID;
