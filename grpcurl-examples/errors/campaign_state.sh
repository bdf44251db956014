#!/usr/bin/env bash
# A draft cannot be paused: CAMPAIGN_ID or the first argument.
export CAMPAIGN_ID="${1:-${CAMPAIGN_ID:?the campaign: campaign.id in the answer of CreateCampaign}}"
exec "$(dirname "$0")/../call.sh" CampaignService/PauseCampaign errors/campaign_state.json
