#!/usr/bin/env bash
# The campaign once it is over: CAMPAIGN_ID or the first argument.
export CAMPAIGN_ID="${1:-${CAMPAIGN_ID:?the campaign: campaign.id in the answer of CreateCampaign}}"
exec "$(dirname "$0")/../call.sh" CampaignService/GetCampaign variants/over.json
