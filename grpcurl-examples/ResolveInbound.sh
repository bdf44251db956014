#!/usr/bin/env bash
# Takes a message off that list; this one is not on it: INBOUND_ID or the first argument. Scope ops.
export TOKEN="${OPS_TOKEN:?a token made by: messaging token --sandbox --user 1 --scope ops}"
export INBOUND_ID="${1:-${INBOUND_ID:?the id of the message: messages.id in the answer of ListInbound}}"
exec "$(dirname "$0")/call.sh" AdminService/ResolveInbound ResolveInbound.json
