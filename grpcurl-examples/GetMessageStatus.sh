#!/usr/bin/env bash
# Asks the provider for its live view of one message: MESSAGE_ID or the first argument. Scope messages:read.
export MESSAGE_ID="${1:-${MESSAGE_ID:?the id that the provider gave: messageId in the answer of SendSingle}}"
exec "$(dirname "$0")/call.sh" MessagingService/GetMessageStatus GetMessageStatus.json
