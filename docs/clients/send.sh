#!/usr/bin/env bash
# Sends one SMS, refreshes it and reads its refresh as a stream. Usage: send.sh HTTP_ADDRESS TOKEN
set -euo pipefail
api=http://$1/api
call() { curl --silent --show-error --fail-with-body --header @- "$@" <<<"authorization: Bearer $token"; }
token=$2
json='content-type: application/json'

# A repeat with the same key answers the same message, and sends nothing.
sent=$(call "$api/v1/messages" -H "$json" -H "idempotency-key: order-$RANDOM-$RANDOM" \
  -d '{"destination":"+306900000001","text":"Hello from curl"}')
id=$(sed -E 's/.*"messageId":"([^"]+)".*/\1/' <<<"$sent")
printf 'sent %s\n' "$id"

call "$api/mitto/refresh-status" -H "$json" -d "{\"providerMessageId\":\"$id\"}" >/dev/null
call --no-buffer "$api/mitto/refresh-status-bulk" -H "$json" -H 'accept: text/event-stream' \
  -d "{\"providerMessageIds\":[\"$id\"]}" | grep '^event:'

call "$api/v1/messages" -H "$json" -d '{"destination":"1","text":"Hello"}' || true # {"code":"VALIDATION_ERROR",…}
printf '\n'
