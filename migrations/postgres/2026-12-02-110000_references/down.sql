DROP INDEX messages_reference;
