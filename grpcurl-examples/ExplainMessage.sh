#!/usr/bin/env bash
# Tells everything that happened to one message: ID or the first argument. Scope messages:read.
export ID="${1:-${ID:?our id: message.id in the answer of SendSingle}}"
exec "$(dirname "$0")/call.sh" MessagingService/ExplainMessage ExplainMessage.json
