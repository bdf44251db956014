#!/usr/bin/env bash
# Takes back what was granted: USER_ID or the first argument. Scope ops.
export TOKEN="${OPS_TOKEN:?a token made by: messaging token --sandbox --user 1 --scope ops}"
export USER_ID="${1:-${USER_ID:?the id of the user: user.id in the answer of CreateUser}}"
exec "$(dirname "$0")/call.sh" AdminService/UngrantUser UngrantUser.json
