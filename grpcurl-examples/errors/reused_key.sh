#!/usr/bin/env bash
# The idempotency key of variants/with_a_key.sh with another text: ALREADY_EXISTS.
exec "$(dirname "$0")/../call.sh" MessagingService/SendSingle errors/reused_key.json
