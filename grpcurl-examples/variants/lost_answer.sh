#!/usr/bin/env bash
# The sandbox takes numbers that end in 0010 and drops the connection: UNKNOWN, an answer and not an error.
exec "$(dirname "$0")/../call.sh" MessagingService/SendSingle variants/lost_answer.json
