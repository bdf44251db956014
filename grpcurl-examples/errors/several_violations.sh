#!/usr/bin/env bash
# A request with three faults: INVALID_ARGUMENT with all of them at once.
exec "$(dirname "$0")/../call.sh" MessagingService/SendSingle errors/several_violations.json
