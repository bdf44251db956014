#!/usr/bin/env bash
# Makes a campaign. Scope campaigns.
exec "$(dirname "$0")/call.sh" CampaignService/CreateCampaign CreateCampaign.json
