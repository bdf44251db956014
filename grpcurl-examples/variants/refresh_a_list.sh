#!/usr/bin/env bash
# Refreshes listed ids; one that is not ours is one failed result: MESSAGE_ID or the first argument.
export MESSAGE_ID="${1:-${MESSAGE_ID:?the id that the provider gave: messageId in the answer of SendSingle}}"
exec "$(dirname "$0")/../call.sh" MessagingService/RefreshStatusBulk variants/refresh_a_list.json
