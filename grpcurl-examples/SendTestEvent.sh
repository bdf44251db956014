#!/usr/bin/env bash
# Calls a webhook endpoint once: ENDPOINT_ID or the first argument. Scopes messages:read and messages:send.
export ENDPOINT_ID="${1:-${ENDPOINT_ID:?the id of the endpoint: endpoint.id in the answer of CreateEndpoint}}"
exec "$(dirname "$0")/call.sh" WebhookService/SendTestEvent SendTestEvent.json
