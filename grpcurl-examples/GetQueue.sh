#!/usr/bin/env bash
# Tells how full the queue is, of all owners. Scope ops.
export TOKEN="${OPS_TOKEN:?a token made by: messaging token --sandbox --user 1 --scope ops}"
exec "$(dirname "$0")/call.sh" AdminService/GetQueue GetQueue.json
