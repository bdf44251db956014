-- What an owner may use and spend. Lists are words separated by spaces; NULL is no limit, and every name.
ALTER TABLE users ADD COLUMN senders text;
ALTER TABLE users ADD COLUMN accounts text;
ALTER TABLE users ADD COLUMN countries text;
ALTER TABLE users ADD COLUMN segments_per_day integer;
ALTER TABLE users ADD COLUMN segments_per_month integer;
ALTER TABLE users ADD COLUMN per_number integer;
ALTER TABLE users ADD COLUMN per_number_seconds integer;
-- The segments that limited owners' messages took: period 1 is a day, 2 a month, by UTC.
CREATE TABLE spent (
  owner_id bigint NOT NULL,
  period smallint NOT NULL,
  began timestamptz NOT NULL,
  segments bigint NOT NULL,
  PRIMARY KEY (owner_id, period, began)
);
