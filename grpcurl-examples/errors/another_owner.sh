#!/usr/bin/env bash
# Sending for another user without the scope act-as: PERMISSION_DENIED.
exec "$(dirname "$0")/../call.sh" MessagingService/SendSingle errors/another_owner.json
