DROP TABLE campaign_counter_changes;
DROP TABLE campaign_counters;
DROP TABLE idempotency_keys;
DROP TABLE events;
DROP TABLE messages;
DROP TABLE campaigns;
DROP TABLE api_keys;
DROP TABLE users;
