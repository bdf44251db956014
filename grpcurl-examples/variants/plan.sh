#!/usr/bin/env bash
# What starting a campaign would come to: CAMPAIGN_ID or the first argument. Changes nothing.
export CAMPAIGN_ID="${1:-${CAMPAIGN_ID:?the campaign: campaign.id in the answer of CreateCampaign}}"
exec "$(dirname "$0")/../call.sh" CampaignService/StartCampaign variants/plan.json
