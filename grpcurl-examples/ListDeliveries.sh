#!/usr/bin/env bash
# Lists what a webhook endpoint did not take: ENDPOINT_ID or the first argument. Scope messages:read.
export ENDPOINT_ID="${1:-${ENDPOINT_ID:?the id of the endpoint: endpoint.id in the answer of CreateEndpoint}}"
exec "$(dirname "$0")/call.sh" WebhookService/ListDeliveries ListDeliveries.json
