#!/usr/bin/env bash
# No credentials at all: UNAUTHENTICATED.
unset TOKEN API_KEY
exec "$(dirname "$0")/../call.sh" MessagingService/SendSingle errors/missing_token.json
