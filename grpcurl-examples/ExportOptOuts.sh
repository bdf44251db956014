#!/usr/bin/env bash
# Reads the list of user 1. Scopes ops and act-as.
export TOKEN="${ACTING_TOKEN:?a token made by: messaging token --sandbox --user 1 --scope 'ops act-as'}"
exec "$(dirname "$0")/call.sh" AdminService/ExportOptOuts ExportOptOuts.json
