#!/usr/bin/env bash
# Lists our records, newest first, two a page. Scope messages:read.
exec "$(dirname "$0")/call.sh" MessagingService/ListMessages ListMessages.json
