#!/usr/bin/env bash
# Streams status events. Not built yet: answers UNIMPLEMENTED.
exec "$(dirname "$0")/call.sh" MessagingService/WatchMessages WatchMessages.json
