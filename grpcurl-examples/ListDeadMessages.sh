#!/usr/bin/env bash
# Lists messages that were given up, of all owners, oldest first. Scope ops.
export TOKEN="${OPS_TOKEN:?a token made by: messaging token --sandbox --user 1 --scope ops}"
exec "$(dirname "$0")/call.sh" AdminService/ListDeadMessages ListDeadMessages.json
