#!/usr/bin/env bash
# Erases a number from everything that is at rest. Scope ops.
export TOKEN="${OPS_TOKEN:?a token made by: messaging token --sandbox --user 1 --scope ops}"
exec "$(dirname "$0")/call.sh" AdminService/EraseNumber EraseNumber.json
