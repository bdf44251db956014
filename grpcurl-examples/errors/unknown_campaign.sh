#!/usr/bin/env bash
# A campaign that does not exist, or is another owner's: NOT_FOUND.
exec "$(dirname "$0")/../call.sh" CampaignService/GetCampaignStats errors/unknown_campaign.json
