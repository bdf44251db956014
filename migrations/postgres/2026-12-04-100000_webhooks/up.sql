-- Addresses of an owner's own, to which its events are delivered. A secret is derived from the service's key, whose mark is here, the
-- id and the rotation; nothing of it is stored. `revision` grows with every change, so that whoever delivers notices.
CREATE TABLE webhook_endpoints (
  id uuid PRIMARY KEY,
  owner_id bigint NOT NULL REFERENCES users (id),
  url text NOT NULL,
  description text NOT NULL,
  types text NOT NULL,
  campaign_id bigint,
  metadata text,
  max_batch smallint NOT NULL,
  max_wait_ms integer NOT NULL,
  max_rate integer,
  max_age_seconds bigint NOT NULL,
  with_destination boolean NOT NULL,
  with_text boolean NOT NULL,
  state smallint NOT NULL,
  key_mark bytea NOT NULL,
  rotation integer NOT NULL,
  old_mark bytea,
  old_rotation integer,
  old_until timestamptz,
  revision integer NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL
);
CREATE INDEX webhook_endpoints_owner ON webhook_endpoints (owner_id, id);

-- How far an endpoint's events are delivered: everything up to the place in the journal, and what is in `ahead` besides. One process
-- at a time holds a cursor. `kind` is 1 for what happens, 2 for a stretch of the past that is told again, which ends before the place
-- `until_place`. A cursor that is not active rests.
CREATE TABLE webhook_cursors (
  id uuid PRIMARY KEY,
  endpoint_id uuid NOT NULL REFERENCES webhook_endpoints (id),
  owner_id bigint NOT NULL,
  kind smallint NOT NULL,
  active boolean NOT NULL,
  until_place bigint,
  types text NOT NULL,
  place bigint NOT NULL,
  message_id uuid NOT NULL,
  version integer NOT NULL,
  ahead bytea NOT NULL,
  held_by uuid,
  epoch integer NOT NULL,
  held_until timestamptz,
  probes integer NOT NULL,
  failing_since timestamptz,
  next_try_at timestamptz,
  taken_at timestamptz,
  outcome smallint,
  http_status smallint,
  created_at timestamptz NOT NULL
) WITH (fillfactor = 50);
CREATE INDEX webhook_cursors_endpoint ON webhook_cursors (endpoint_id);
CREATE INDEX webhook_cursors_active ON webhook_cursors (id) WHERE active;

-- Events that an endpoint did not take while it took others, each with tries of its own; and what comes later of the same message,
-- which waits behind. `state` is 1 for one that waits, 2 for one that was given up.
CREATE TABLE webhook_exceptions (
  id uuid PRIMARY KEY,
  cursor_id uuid NOT NULL,
  endpoint_id uuid NOT NULL,
  message_id uuid NOT NULL,
  version integer NOT NULL,
  place bigint NOT NULL,
  from_status smallint NOT NULL,
  to_status smallint NOT NULL,
  at timestamptz NOT NULL,
  state smallint NOT NULL,
  tries integer NOT NULL,
  first_at timestamptz NOT NULL,
  next_try_at timestamptz,
  outcome smallint,
  http_status smallint,
  updated_at timestamptz NOT NULL,
  UNIQUE (cursor_id, message_id, version)
);
CREATE INDEX webhook_exceptions_endpoint ON webhook_exceptions (endpoint_id, id);
CREATE INDEX webhook_exceptions_over ON webhook_exceptions (updated_at) WHERE state = 2;
