#!/usr/bin/env bash
# Tells what happened to one message of any owner: ID or the first argument. Scope ops.
export TOKEN="${OPS_TOKEN:?a token made by: messaging token --sandbox --user 1 --scope ops}"
export ID="${1:-${ID:?the id of the message: message.id in the answer of SendSingle}}"
exec "$(dirname "$0")/call.sh" AdminService/InspectMessage InspectMessage.json
