#!/usr/bin/env bash
# Takes a number off the list of user 1. Scope ops.
export TOKEN="${OPS_TOKEN:?a token made by: messaging token --sandbox --user 1 --scope ops}"
exec "$(dirname "$0")/call.sh" AdminService/RetractOptOut RetractOptOut.json
