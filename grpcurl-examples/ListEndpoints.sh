#!/usr/bin/env bash
# Lists an owner's webhook endpoints, newest first. Scope messages:read.
exec "$(dirname "$0")/call.sh" WebhookService/ListEndpoints ListEndpoints.json
