"""Sends one message, and waits until it is delivered. Usage: example.py GRPC_ADDRESS TOKEN"""
import sys
import uuid

from messaging_client import Client, MessagingError

address, token = sys.argv[1:]
client = Client(
    address,  # With TLS: credentials=grpc.ssl_channel_credentials()
    token=token,
    descriptors="messaging.binpb",
    service_config="messaging_grpc_service_config.json",
)

# It begins here, before the send, and so tells all of it. Keep each token to go on after a restart: watch(resume_token=…).
changes = client.watch(on_token=lambda token: None)

order = f"order-{uuid.uuid4()}"  # What is to be sent once: an order's number, a reminder's row.
sent = client.send("+306900000001", "Your parcel is on its way", key=order)
print("sent", sent.id)
assert client.send("+306900000001", "Your parcel is on its way", key=order).id == sent.id, "a repeat sends nothing"

try:
    client.send("12", "Hello", key=f"{order}-2")
except MessagingError as error:
    print(error.code.name, error.reason, error.violations)

STATUS = client.message("Message").DESCRIPTOR.fields_by_name["status"].enum_type.values_by_number
while True:
    status = STATUS[client.get(sent.id).status].name
    if status in ("MESSAGE_STATUS_DELIVERED", "MESSAGE_STATUS_FAILED", "MESSAGE_STATUS_EXPIRED"):
        break
    next(changes)  # Whatever changes next.
print(status)
