DROP INDEX messages_error_code;
