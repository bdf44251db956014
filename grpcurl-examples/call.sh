#!/usr/bin/env bash
# What every script here calls: call.sh METHOD BODY.json, where METHOD is for example MessagingService/SendSingle.
#
# ADDR     where the server is; 127.0.0.1:50051 unless set
# CACERT   a PEM file with the authority of the server's certificate; without it the call goes in plain text
# TOKEN    the bearer token, or
# API_KEY  the API key; without both the call carries no credentials
# GRPCURL  the grpcurl to run; grpcurl unless set
#
# ${NAME} in a body stands for the environment's variable of that name.
set -euo pipefail

method=$1
body=$(<"$(dirname "${BASH_SOURCE[0]}")/$2")
while [[ $body =~ \$\{([A-Z_]+)\} ]]; do
  name=${BASH_REMATCH[1]}
  value=${!name:?is not set, and the body of this example needs it}
  value=${value//\\/\\\\}
  value=${value//\"/\\\"}
  body=${body//"\${$name}"/"$value"}
done

flags=()
if [ -n "${CACERT:-}" ]; then flags+=(-cacert "$CACERT"); else flags+=(-plaintext); fi
if [ -n "${TOKEN:-}" ]; then
  flags+=(-H "authorization: Bearer $TOKEN")
elif [ -n "${API_KEY:-}" ]; then
  flags+=(-H "x-api-key: $API_KEY")
fi
exec "${GRPCURL:-grpcurl}" "${flags[@]}" -d "$body" "${ADDR:-127.0.0.1:50051}" "messaging.v1.$method"
