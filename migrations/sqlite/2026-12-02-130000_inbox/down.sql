DROP INDEX inbound_verdict;
DROP INDEX inbound_number;
DROP INDEX inbound_owner;
ALTER TABLE inbound DROP COLUMN effect;
ALTER TABLE inbound DROP COLUMN number;
