#!/usr/bin/env bash
# Reads again all that was reported of 500 messages, and mends none of them. Scope ops.
export TOKEN="${OPS_TOKEN:?a token made by: messaging token --sandbox --user 1 --scope ops}"
exec "$(dirname "$0")/call.sh" AdminService/ReplayReports ReplayReports.json
