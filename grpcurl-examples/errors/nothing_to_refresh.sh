#!/usr/bin/env bash
# A bulk refresh of nothing: INVALID_ARGUMENT.
exec "$(dirname "$0")/../call.sh" MessagingService/RefreshStatusBulk errors/nothing_to_refresh.json
