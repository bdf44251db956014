#!/usr/bin/env bash
# Sends the messages of a stream, of one here. Scope messages:send.
exec "$(dirname "$0")/call.sh" MessagingService/SendMany SendMany.json
