#!/usr/bin/env bash
# Lists messages that wait to be sent, of all owners. Scope ops.
export TOKEN="${OPS_TOKEN:?a token made by: messaging token --sandbox --user 1 --scope ops}"
exec "$(dirname "$0")/call.sh" AdminService/ListWaitingMessages ListWaitingMessages.json
