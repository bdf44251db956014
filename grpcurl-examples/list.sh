#!/usr/bin/env bash
# Lists the services that the server speaks, by reflection. No credentials.
set -euo pipefail
if [ -n "${CACERT:-}" ]; then door=(-cacert "$CACERT"); else door=(-plaintext); fi
exec "${GRPCURL:-grpcurl}" "${door[@]}" "${ADDR:-127.0.0.1:50051}" list
