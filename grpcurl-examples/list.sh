#!/usr/bin/env bash
# Lists the services that the server speaks, by reflection. No credentials.
set -euo pipefail
if [ -n "${CACERT:-}" ]; then tls=(-cacert "$CACERT"); else tls=(-plaintext); fi
exec "${GRPCURL:-grpcurl}" "${tls[@]}" "${ADDR:-127.0.0.1:50051}" list
