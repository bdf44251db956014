"""Sends one SMS, refreshes it as a stream and reads an error. Usage: send.py GRPC_ADDRESS TOKEN

pip install grpcio grpcio-reflection grpcio-status. The messages come from the server's reflection; stubs that
grpcio-tools makes of proto/ do as well.
"""
import sys
import uuid

import grpc
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from google.rpc.error_details_pb2 import ErrorInfo
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from grpc_status import rpc_status

address, token = sys.argv[1:]
channel = grpc.insecure_channel(address)  # With TLS: grpc.secure_channel(address, grpc.ssl_channel_credentials())
service = DescriptorPool(ProtoReflectionDescriptorDatabase(channel)).FindServiceByName("messaging.v1.MessagingService")


def call(method, **fields):
    rpc = service.FindMethodByName(method)
    request, answer = GetMessageClass(rpc.input_type), GetMessageClass(rpc.output_type)
    kind = channel.unary_stream if rpc.server_streaming else channel.unary_unary
    ask = kind(f"/{service.full_name}/{method}", request.SerializeToString, answer.FromString)
    return ask(request(**fields), metadata=[("authorization", f"Bearer {token}")], timeout=30)


# A repeat with the same key answers the same message, and sends nothing.
key = str(uuid.uuid4())
sent = call("SendSingle", destination="+306900000001", text="Hello from Python", idempotency_key=key)
print("sent", sent.message_id)

for step in call("RefreshStatusBulk", provider_message_ids={"ids": [sent.message_id]}):
    print(f"{step.completed} of {step.total}:", step.WhichOneof("event"))

try:
    call("SendSingle", destination="1", text="Hello")
except grpc.RpcError as failure:
    info = ErrorInfo()
    next(d for d in rpc_status.from_call(failure).details if d.Is(info.DESCRIPTOR)).Unpack(info)
    print(failure.code().name, info.reason)
