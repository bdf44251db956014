#!/usr/bin/env bash
# Limits a route account to 200 segments a second, over all replicas. Scope ops.
export TOKEN="${OPS_TOKEN:?a token made by: messaging token --sandbox --user 1 --scope ops}"
exec "$(dirname "$0")/call.sh" AdminService/SetRouteAccountLimit SetRouteAccountLimit.json
