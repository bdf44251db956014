#!/usr/bin/env bash
# A campaign that was started takes no more recipients: CAMPAIGN_ID or the first argument.
export CAMPAIGN_ID="${1:-${CAMPAIGN_ID:?the campaign: campaign.id in the answer of CreateCampaign}}"
exec "$(dirname "$0")/../call.sh" CampaignService/AddRecipients errors/campaign_started.json
