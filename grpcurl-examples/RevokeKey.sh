#!/usr/bin/env bash
# Revokes an API key: KEY_ID or the first argument. Scope ops.
export TOKEN="${OPS_TOKEN:?a token made by: messaging token --sandbox --user 1 --scope ops}"
export KEY_ID="${1:-${KEY_ID:?the id of the key: key.id in the answer of CreateKey}}"
exec "$(dirname "$0")/call.sh" AdminService/RevokeKey RevokeKey.json
