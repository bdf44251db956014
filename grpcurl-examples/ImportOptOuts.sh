#!/usr/bin/env bash
# Puts numbers on the list of user 1, many at once. Scope ops.
export TOKEN="${OPS_TOKEN:?a token made by: messaging token --sandbox --user 1 --scope ops}"
exec "$(dirname "$0")/call.sh" AdminService/ImportOptOuts ImportOptOuts.json
