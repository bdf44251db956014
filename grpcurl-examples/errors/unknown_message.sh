#!/usr/bin/env bash
# A record that does not exist, or is another owner's: NOT_FOUND.
exec "$(dirname "$0")/../call.sh" MessagingService/GetMessage errors/unknown_message.json
