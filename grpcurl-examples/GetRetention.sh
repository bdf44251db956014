#!/usr/bin/env bash
# Tells how far erasing what is old has come. Scope ops.
export TOKEN="${OPS_TOKEN:?a token made by: messaging token --sandbox --user 1 --scope ops}"
exec "$(dirname "$0")/call.sh" AdminService/GetRetention GetRetention.json
