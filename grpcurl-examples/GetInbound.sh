#!/usr/bin/env bash
# Reads one message from a recipient: INBOUND_ID or the first argument. Scope messages:read.
export INBOUND_ID="${1:-${INBOUND_ID:?the id of the message: id in the answer of ListInbound}}"
exec "$(dirname "$0")/call.sh" InboundService/GetInbound GetInbound.json
