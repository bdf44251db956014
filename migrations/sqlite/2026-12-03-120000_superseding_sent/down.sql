DROP INDEX messages_superseding_sent;
