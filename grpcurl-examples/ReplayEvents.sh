#!/usr/bin/env bash
# Tells a webhook endpoint again what happened since FROM: ENDPOINT_ID and FROM, or the arguments. Scopes messages:read and messages:send.
export ENDPOINT_ID="${1:-${ENDPOINT_ID:?the id of the endpoint: endpoint.id in the answer of CreateEndpoint}}"
export FROM="${2:-${FROM:?a time of the last seven days, such as 2026-11-29T08:00:00Z}}"
exec "$(dirname "$0")/call.sh" WebhookService/ReplayEvents ReplayEvents.json
