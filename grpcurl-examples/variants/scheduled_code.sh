#!/usr/bin/env bash
# Stores a code for later under a supersede_key. AT or the first argument is the time.
export AT="${1:-${AT:?a time within a year, for example 2030-01-31T08:00:00Z}}"
exec "$(dirname "$0")/../call.sh" MessagingService/SendSingle variants/scheduled_code.json
