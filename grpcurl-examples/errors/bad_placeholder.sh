#!/usr/bin/env bash
# A text with braces that begin no placeholder.
exec "$(dirname "$0")/../call.sh" CampaignService/CreateCampaign errors/bad_placeholder.json
