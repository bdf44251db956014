#!/usr/bin/env bash
# A token that may only read: PERMISSION_DENIED, with the scope that is missing.
export TOKEN="${READ_TOKEN:?a token made by: messaging token --sandbox --user 1 --scope messages:read}"
exec "$(dirname "$0")/../call.sh" MessagingService/SendSingle errors/wrong_scope.json
