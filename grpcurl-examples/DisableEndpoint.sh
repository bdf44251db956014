#!/usr/bin/env bash
# Disables a webhook endpoint: ENDPOINT_ID or the first argument. Scopes messages:read and messages:send.
export ENDPOINT_ID="${1:-${ENDPOINT_ID:?the id of the endpoint: endpoint.id in the answer of CreateEndpoint}}"
exec "$(dirname "$0")/call.sh" WebhookService/DisableEndpoint DisableEndpoint.json
