#!/usr/bin/env bash
# Says how many messages wait that were accepted until a time; with that number as at_most they are taken back. Scope ops.
export TOKEN="${OPS_TOKEN:?a token made by: messaging token --sandbox --user 1 --scope ops}"
exec "$(dirname "$0")/call.sh" AdminService/CancelWaitingMessages CancelWaitingMessages.json
