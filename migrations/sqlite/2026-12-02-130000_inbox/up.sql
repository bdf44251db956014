-- Who wrote a message, in E.164, and what it did to the list of opt-outs (the numbers of src/domain/keyword.rs). NULL of those
-- that were read before this.
ALTER TABLE inbound ADD COLUMN number TEXT;
ALTER TABLE inbound ADD COLUMN effect INTEGER;
-- An owner's messages from recipients, newest first: all, those of one number, those with one verdict.
CREATE INDEX inbound_owner ON inbound (owner_id, id) WHERE owner_id IS NOT NULL;
CREATE INDEX inbound_number ON inbound (owner_id, number, id) WHERE owner_id IS NOT NULL AND number IS NOT NULL;
CREATE INDEX inbound_verdict ON inbound (owner_id, verdict, id) WHERE owner_id IS NOT NULL AND verdict IS NOT NULL;
