#!/usr/bin/env bash
# Cancels one message that waits for its time or in the queue: ID or the first argument. Scope messages:send.
export ID="${1:-${ID:?our id: message.id in the answer of SendSingle}}"
exec "$(dirname "$0")/call.sh" MessagingService/CancelMessage CancelMessage.json
