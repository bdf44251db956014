-- What happens to an owner that is no change of a message, each with its place in the journal's order: `kind` is the number of the type
-- of event. Those of one subject are told in the order of their versions: a campaign's steps, an inbound message, and what happens to
-- one number on the list of opt-outs, or to one route account or endpoint, which `about` names. Numbers are here until they are
-- erased; rows for eight days.
CREATE TABLE owner_events (
  subject BLOB NOT NULL,
  version INTEGER NOT NULL,
  owner_id INTEGER NOT NULL REFERENCES users (id),
  place INTEGER NOT NULL,
  kind INTEGER NOT NULL,
  at INTEGER NOT NULL,
  campaign_id INTEGER,
  number TEXT,
  source INTEGER,
  about TEXT,
  PRIMARY KEY (subject, version)
) STRICT;
CREATE INDEX owner_events_journal ON owner_events (owner_id, place, subject, version);
CREATE INDEX owner_events_at ON owner_events (at);
CREATE INDEX owner_events_number ON owner_events (owner_id, number, place) WHERE number IS NOT NULL;

-- How many steps of a campaign were written down as events.
ALTER TABLE campaigns ADD COLUMN steps INTEGER NOT NULL DEFAULT 0;
