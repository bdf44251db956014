#!/usr/bin/env bash
# Shows an API key instead of a token: API_KEY, and CAMPAIGN_ID. Scope campaigns.
unset TOKEN
export API_KEY="${API_KEY:?a key made by: messaging key create --sandbox --user 1}"
exec "$(dirname "$0")/../call.sh" CampaignService/GetCampaign GetCampaign.json
