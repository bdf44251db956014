#!/usr/bin/env bash
# Brings our records of one message up to date: MESSAGE_ID or the first argument. Scope messages:read.
export MESSAGE_ID="${1:-${MESSAGE_ID:?the id that the provider gave: messageId in the answer of SendSingle}}"
exec "$(dirname "$0")/call.sh" MessagingService/RefreshStatus RefreshStatus.json
