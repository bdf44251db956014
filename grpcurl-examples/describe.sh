#!/usr/bin/env bash
# Describes a service, message or enum with its comments, by reflection: the first argument, else a method. No credentials.
set -euo pipefail
if [ -n "${CACERT:-}" ]; then tls=(-cacert "$CACERT"); else tls=(-plaintext); fi
exec "${GRPCURL:-grpcurl}" "${tls[@]}" "${ADDR:-127.0.0.1:50051}" describe "${1:-messaging.v1.MessagingService.SendSingle}"
