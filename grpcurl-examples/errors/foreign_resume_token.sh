#!/usr/bin/env bash
# A token that no watch of this owner gave out.
exec "$(dirname "$0")/../call.sh" MessagingService/WatchMessages errors/foreign_resume_token.json
