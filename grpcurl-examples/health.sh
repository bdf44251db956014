#!/usr/bin/env bash
# Asks whether a service is served: the first argument, else all of them (""). No credentials.
set -euo pipefail
if [ -n "${CACERT:-}" ]; then door=(-cacert "$CACERT"); else door=(-plaintext); fi
exec "${GRPCURL:-grpcurl}" "${door[@]}" -d "{\"service\": \"${1:-}\"}" "${ADDR:-127.0.0.1:50051}" grpc.health.v1.Health/Check
