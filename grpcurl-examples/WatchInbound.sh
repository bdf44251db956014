#!/usr/bin/env bash
# Streams what recipients write, from now on, for WATCH_SECONDS (3 unless set). Needs timeout, of the GNU coreutils.
timeout "${WATCH_SECONDS:-3}" "$(dirname "$0")/call.sh" InboundService/WatchInbound WatchInbound.json || [ $? -eq 124 ]
