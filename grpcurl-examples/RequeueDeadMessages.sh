#!/usr/bin/env bash
# Says how many messages were given up and match; with that number as expected_count they are put back. Scope ops.
export TOKEN="${OPS_TOKEN:?a token made by: messaging token --sandbox --user 1 --scope ops}"
exec "$(dirname "$0")/call.sh" AdminService/RequeueDeadMessages RequeueDeadMessages.json
