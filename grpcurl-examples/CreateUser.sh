#!/usr/bin/env bash
# Makes a user. Scope ops.
export TOKEN="${OPS_TOKEN:?a token made by: messaging token --sandbox --user 1 --scope ops}"
exec "$(dirname "$0")/call.sh" AdminService/CreateUser CreateUser.json
