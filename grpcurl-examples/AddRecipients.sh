#!/usr/bin/env bash
# Adds recipients to a draft from a stream of two requests: CAMPAIGN_ID or the first argument.
export CAMPAIGN_ID="${1:-${CAMPAIGN_ID:?the campaign: campaign.id in the answer of CreateCampaign}}"
exec "$(dirname "$0")/call.sh" CampaignService/AddRecipients AddRecipients.json
