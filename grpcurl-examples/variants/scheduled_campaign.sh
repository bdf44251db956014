#!/usr/bin/env bash
# Makes a campaign for later: AT or the first argument is the time.
export AT="${1:-${AT:?a time, for example 2030-01-31T08:00:00Z}}"
exec "$(dirname "$0")/../call.sh" CampaignService/CreateCampaign variants/scheduled_campaign.json
