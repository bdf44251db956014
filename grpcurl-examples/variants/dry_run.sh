#!/usr/bin/env bash
# Checks and counts, and neither stores nor sends: 71 characters outside of GSM-7 take two segments.
exec "$(dirname "$0")/../call.sh" MessagingService/SendSingle variants/dry_run.json
