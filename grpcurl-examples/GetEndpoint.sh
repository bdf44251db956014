#!/usr/bin/env bash
# Reads a webhook endpoint and how it stands: ENDPOINT_ID or the first argument. Scope messages:read.
export ENDPOINT_ID="${1:-${ENDPOINT_ID:?the id of the endpoint: endpoint.id in the answer of CreateEndpoint}}"
exec "$(dirname "$0")/call.sh" WebhookService/GetEndpoint GetEndpoint.json
