-- Counters have one more row for each campaign, under status 0: how many of its messages the provider ever took. Those that
-- were there before this are counted here.
INSERT INTO campaign_counter_changes (campaign_id, status, n)
SELECT campaign_id, 0, count(*) FROM messages
WHERE campaign_id IS NOT NULL AND (sent_at IS NOT NULL OR dispatch = 4)
GROUP BY campaign_id;
