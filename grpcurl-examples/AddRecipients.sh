#!/usr/bin/env bash
# Adds recipients from a stream of two requests: CAMPAIGN_ID or the first argument. Not built yet: answers UNIMPLEMENTED.
export CAMPAIGN_ID="${1:-${CAMPAIGN_ID:?the campaign: campaign.id in the answer of CreateCampaign}}"
exec "$(dirname "$0")/call.sh" CampaignService/AddRecipients AddRecipients.json
