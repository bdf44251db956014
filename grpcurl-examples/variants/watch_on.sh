#!/usr/bin/env bash
# Streams status events after RESUME_TOKEN or the first argument, for WATCH_SECONDS (3 unless set).
export RESUME_TOKEN="${1:-${RESUME_TOKEN:?the last token that was read: resumeToken in an answer of WatchMessages}}"
call=$(dirname "$0")/../call.sh
timeout "${WATCH_SECONDS:-3}" "$call" MessagingService/WatchMessages variants/watch_on.json || [ $? -eq 124 ]
