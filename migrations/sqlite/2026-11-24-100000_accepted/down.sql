DELETE FROM campaign_counter_changes WHERE status = 0;
DELETE FROM campaign_counters WHERE status = 0;
