DROP INDEX audit_act;
ALTER TABLE processes DROP COLUMN in_flight;
ALTER TABLE processes DROP COLUMN version;
