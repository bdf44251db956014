#!/usr/bin/env bash
# Cancels the message of scheduled.sh by the key that it was sent with: AT or the first argument is its time. Scope messages:send.
export AT="${1:-${AT:?the time that scheduled.sh was given}}"
exec "$(dirname "$0")/../call.sh" MessagingService/CancelMessage variants/cancel_by_key.json
