#!/usr/bin/env bash
# Lists the processes that serve. Scope ops.
export TOKEN="${OPS_TOKEN:?a token made by: messaging token --sandbox --user 1 --scope ops}"
exec "$(dirname "$0")/call.sh" AdminService/ListReplicas ListReplicas.json
