#!/usr/bin/env bash
# Lists campaigns. Not built yet: answers UNIMPLEMENTED.
exec "$(dirname "$0")/call.sh" CampaignService/ListCampaigns ListCampaigns.json
