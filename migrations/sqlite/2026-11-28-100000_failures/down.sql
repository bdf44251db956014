DROP INDEX messages_troubled;
DROP INDEX messages_owner_campaign;
DROP INDEX inbound_starts;
DROP TABLE processes;
