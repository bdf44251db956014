#!/usr/bin/env bash
# Gives a stream a message that cannot be sent: the error is told of it, and is none of the stream.
exec "$(dirname "$0")/../call.sh" MessagingService/SendMany errors/one_of_many.json
