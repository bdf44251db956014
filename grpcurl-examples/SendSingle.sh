#!/usr/bin/env bash
# Sends one SMS. Scope messages:send.
exec "$(dirname "$0")/call.sh" MessagingService/SendSingle SendSingle.json
