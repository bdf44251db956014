#!/usr/bin/env bash
# Sends one SMS with the caller's own reference and metadata, which come back with its record and its events.
exec "$(dirname "$0")/../call.sh" MessagingService/SendSingle variants/tagged.json
