#!/usr/bin/env bash
# Recipients of whom one is given twice and two cannot be added: CAMPAIGN_ID or the first argument.
export CAMPAIGN_ID="${1:-${CAMPAIGN_ID:?the campaign: campaign.id in the answer of CreateCampaign}}"
exec "$(dirname "$0")/../call.sh" CampaignService/AddRecipients variants/some_invalid.json
