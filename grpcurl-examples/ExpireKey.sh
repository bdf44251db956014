#!/usr/bin/env bash
# Lets an API key end at a time: KEY_ID and AT, or the arguments. Scope ops.
export TOKEN="${OPS_TOKEN:?a token made by: messaging token --sandbox --user 1 --scope ops}"
export KEY_ID="${1:-${KEY_ID:?the id of the key: key.id in the answer of CreateKey}}" AT="${2:-${AT:?when, for example 2027-01-31T12:00:00Z}}"
exec "$(dirname "$0")/call.sh" AdminService/ExpireKey ExpireKey.json
