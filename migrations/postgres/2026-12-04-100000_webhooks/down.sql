DROP TABLE webhook_exceptions;
DROP TABLE webhook_cursors;
DROP TABLE webhook_endpoints;
