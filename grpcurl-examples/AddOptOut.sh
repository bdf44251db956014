#!/usr/bin/env bash
# Puts a number on the list of those that want no messages. Scope messages:send.
exec "$(dirname "$0")/call.sh" MessagingService/AddOptOut AddOptOut.json
