#!/usr/bin/env bash
# A webhook endpoint that does not exist, or is not ours: NOT_FOUND.
exec "$(dirname "$0")/../call.sh" WebhookService/GetEndpoint errors/unknown_endpoint.json
