#!/usr/bin/env bash
# A number without a country code: INVALID_ARGUMENT with the field named.
exec "$(dirname "$0")/../call.sh" MessagingService/SendSingle errors/bad_number.json
