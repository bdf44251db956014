#!/usr/bin/env bash
# Sends a code in the place of one with the same supersede_key that still waits.
exec "$(dirname "$0")/../call.sh" MessagingService/SendSingle variants/supersede.json
