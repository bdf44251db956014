#!/usr/bin/env bash
# Refreshes a whole campaign, one event per message: CAMPAIGN_ID or the first argument. Scope messages:read.
export CAMPAIGN_ID="${1:-${CAMPAIGN_ID:?the campaign: campaign.id in the answer of CreateCampaign}}"
exec "$(dirname "$0")/call.sh" MessagingService/RefreshStatusBulk RefreshStatusBulk.json
