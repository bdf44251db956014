#!/usr/bin/env bash
# The sandbox answers 429 to the first send to a number that ends in 0009: QUEUED, and the workers carry on. Nobody
# sends on the route account before the time that the provider asked for; so this one has an account of its own.
exec "$(dirname "$0")/../call.sh" MessagingService/SendSingle variants/busy_provider.json
