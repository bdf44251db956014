#!/usr/bin/env bash
# Starts a campaign that has a time: SCHEDULED. CAMPAIGN_ID or the first argument.
export CAMPAIGN_ID="${1:-${CAMPAIGN_ID:?the campaign: campaign.id in the answer of CreateCampaign}}"
exec "$(dirname "$0")/../call.sh" CampaignService/StartCampaign variants/start_later.json
