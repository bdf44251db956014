#!/usr/bin/env bash
# Lists who changed what others may do or what is sent, newest first. Scope ops.
export TOKEN="${OPS_TOKEN:?a token made by: messaging token --sandbox --user 1 --scope ops}"
exec "$(dirname "$0")/call.sh" AdminService/ListAuditEvents ListAuditEvents.json
