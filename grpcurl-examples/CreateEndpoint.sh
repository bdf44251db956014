#!/usr/bin/env bash
# Makes a webhook endpoint, which gets what happens from now on. Scopes messages:read and messages:send.
exec "$(dirname "$0")/call.sh" WebhookService/CreateEndpoint CreateEndpoint.json
