#!/usr/bin/env bash
# A page token that no page gave: INVALID_ARGUMENT.
exec "$(dirname "$0")/../call.sh" MessagingService/ListMessages errors/unusable_page_token.json
