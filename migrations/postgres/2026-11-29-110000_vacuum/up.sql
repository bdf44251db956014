-- Every message leaves the queue's indexes within seconds and its dead entries stay until a vacuum: a fifth of the table, which is the
-- default, is millions of them, and every claim reads past them. Vacuum after so many instead, whatever the table's size.
ALTER TABLE messages SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 50000, autovacuum_vacuum_cost_delay = 0);
ALTER TABLE gates SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
ALTER TABLE campaign_counters SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
