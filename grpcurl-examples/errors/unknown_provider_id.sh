#!/usr/bin/env bash
# An id of the provider's that this service did not send for the caller: NOT_FOUND.
exec "$(dirname "$0")/../call.sh" MessagingService/GetMessageStatus errors/unknown_provider_id.json
