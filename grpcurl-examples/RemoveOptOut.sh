#!/usr/bin/env bash
# Takes a number off the list again. Scope messages:send.
exec "$(dirname "$0")/call.sh" MessagingService/RemoveOptOut RemoveOptOut.json
