#!/usr/bin/env bash
# Lists what is known of route accounts, and what holds them. Scope ops.
export TOKEN="${OPS_TOKEN:?a token made by: messaging token --sandbox --user 1 --scope ops}"
exec "$(dirname "$0")/call.sh" AdminService/ListRouteAccounts ListRouteAccounts.json
