#!/usr/bin/env bash
# The sandbox refuses numbers that end in 0016: FAILED_PRECONDITION, and the record is FAILED.
exec "$(dirname "$0")/../call.sh" MessagingService/SendSingle errors/rejected_by_provider.json
