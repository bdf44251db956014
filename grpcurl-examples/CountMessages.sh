#!/usr/bin/env bash
# Counts our records by status. Scope messages:read.
exec "$(dirname "$0")/call.sh" MessagingService/CountMessages CountMessages.json
