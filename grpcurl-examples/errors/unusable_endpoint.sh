#!/usr/bin/env bash
# A webhook endpoint that nothing can be delivered to: INVALID_ARGUMENT with every field named.
exec "$(dirname "$0")/../call.sh" WebhookService/CreateEndpoint errors/unusable_endpoint.json
