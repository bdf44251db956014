#!/usr/bin/env bash
# Stores a message for later: SCHEDULED at once. AT or the first argument is the time.
export AT="${1:-${AT:?a time within a year, for example 2030-01-31T08:00:00Z}}"
exec "$(dirname "$0")/../call.sh" MessagingService/SendSingle variants/scheduled.json
