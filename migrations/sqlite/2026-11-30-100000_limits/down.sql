DROP TABLE spent;
ALTER TABLE users DROP COLUMN per_number_seconds;
ALTER TABLE users DROP COLUMN per_number;
ALTER TABLE users DROP COLUMN segments_per_month;
ALTER TABLE users DROP COLUMN segments_per_day;
ALTER TABLE users DROP COLUMN countries;
ALTER TABLE users DROP COLUMN accounts;
ALTER TABLE users DROP COLUMN senders;
