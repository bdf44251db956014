#!/usr/bin/env bash
# Lists the users. Scope ops.
export TOKEN="${OPS_TOKEN:?a token made by: messaging token --sandbox --user 1 --scope ops}"
exec "$(dirname "$0")/call.sh" AdminService/ListUsers ListUsers.json
