#!/usr/bin/env bash
# Sends one SMS that a repeat does not send again: run it twice and compare the ids.
exec "$(dirname "$0")/../call.sh" MessagingService/SendSingle variants/with_a_key.json
