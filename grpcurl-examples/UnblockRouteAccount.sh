#!/usr/bin/env bash
# Lets sends pass again by a route account that is held; this one is not. Scope ops.
export TOKEN="${OPS_TOKEN:?a token made by: messaging token --sandbox --user 1 --scope ops}"
exec "$(dirname "$0")/call.sh" AdminService/UnblockRouteAccount UnblockRouteAccount.json
