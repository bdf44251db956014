#!/usr/bin/env bash
# An id that is none of ours: INVALID_ARGUMENT.
exec "$(dirname "$0")/../call.sh" MessagingService/GetMessage errors/malformed_id.json
