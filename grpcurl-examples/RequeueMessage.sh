#!/usr/bin/env bash
# Puts one message that was given up back into the queue; this one was not: ID or the first argument. Scope ops.
export TOKEN="${OPS_TOKEN:?a token made by: messaging token --sandbox --user 1 --scope ops}"
export ID="${1:-${ID:?the id of the message: message.id in the answer of SendSingle}}"
exec "$(dirname "$0")/call.sh" AdminService/RequeueMessage RequeueMessage.json
