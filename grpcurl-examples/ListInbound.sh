#!/usr/bin/env bash
# Lists what recipients wrote, newest first, and what it did. Scope messages:read.
exec "$(dirname "$0")/call.sh" InboundService/ListInbound ListInbound.json
