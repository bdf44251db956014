#!/usr/bin/env bash
# Enables a webhook endpoint, to go on with what happens from now on: ENDPOINT_ID or the first argument. Scopes messages:read and messages:send.
export ENDPOINT_ID="${1:-${ENDPOINT_ID:?the id of the endpoint: endpoint.id in the answer of CreateEndpoint}}"
exec "$(dirname "$0")/call.sh" WebhookService/EnableEndpoint EnableEndpoint.json
