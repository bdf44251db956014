#!/usr/bin/env bash
# Lists the numbers that want no messages. Scope messages:read.
exec "$(dirname "$0")/call.sh" MessagingService/ListOptOuts ListOptOuts.json
