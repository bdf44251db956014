#!/usr/bin/env bash
# A token that is expired, forged or about nobody: UNAUTHENTICATED, and no word about which.
export TOKEN=not.a.token
exec "$(dirname "$0")/../call.sh" MessagingService/SendSingle errors/invalid_token.json
