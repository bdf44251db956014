#!/usr/bin/env bash
# Lists the failed messages to one number.
exec "$(dirname "$0")/../call.sh" MessagingService/ListMessages variants/of_one_number.json
