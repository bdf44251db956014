#!/usr/bin/env bash
# Makes an API key; its secret is shown this once: USER_ID or the first argument. Scopes ops and act-as.
export TOKEN="${ACTING_TOKEN:?a token made by: messaging token --sandbox --user 1 --scope 'ops act-as'}"
export USER_ID="${1:-${USER_ID:?the id of the user: user.id in the answer of CreateUser}}"
exec "$(dirname "$0")/call.sh" AdminService/CreateKey CreateKey.json
