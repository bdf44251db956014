#!/usr/bin/env bash
# Lists what a person has to read. Scopes ops and act-as.
export TOKEN="${ACTING_TOKEN:?a token made by: messaging token --sandbox --user 1 --scope 'ops act-as'}"
exec "$(dirname "$0")/call.sh" AdminService/ListInboundReview ListInboundReview.json
