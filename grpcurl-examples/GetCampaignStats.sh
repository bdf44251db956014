#!/usr/bin/env bash
# Counts a campaign's messages by state: CAMPAIGN_ID or the first argument. Scope campaigns.
export CAMPAIGN_ID="${1:-${CAMPAIGN_ID:?the campaign: campaign.id in the answer of CreateCampaign}}"
exec "$(dirname "$0")/call.sh" CampaignService/GetCampaignStats GetCampaignStats.json
