#!/usr/bin/env bash
# Asks whether a service is served: the first argument, else all of them (""). No credentials.
set -euo pipefail
if [ -n "${CACERT:-}" ]; then tls=(-cacert "$CACERT"); else tls=(-plaintext); fi
exec "${GRPCURL:-grpcurl}" "${tls[@]}" -d "{\"service\": \"${1:-}\"}" "${ADDR:-127.0.0.1:50051}" grpc.health.v1.Health/Check
