#!/usr/bin/env bash
# Streams status events from now on, for WATCH_SECONDS (3 unless set). Needs timeout, of the GNU coreutils.
timeout "${WATCH_SECONDS:-3}" "$(dirname "$0")/call.sh" MessagingService/WatchMessages WatchMessages.json || [ $? -eq 124 ]
