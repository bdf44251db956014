#!/usr/bin/env bash
# Lists the messages with one reference of the caller's own.
exec "$(dirname "$0")/../call.sh" MessagingService/ListMessages variants/by_reference.json
