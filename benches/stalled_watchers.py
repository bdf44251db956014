"""What streams of WatchMessages cost whose readers do not read: the server's memory, and what it does to others.

Usage: stalled_watchers.py GRPC_ADDRESS TOKEN PID [STREAMS] [SENDS], with the server's process id, on Linux, against a server
whose provider is the sandbox. GRPC_ADDRESS and PID are printed by `messaging serve --sandbox` and by the shell; the Python is that of
`scripts/tools`. Opens the streams, reads one answer of each and no more; sends, so that they fill; sends again, now that they
are full; waits until they are ended; and lets one of them read on, which has to miss nothing.
"""
import sys
import threading
import time

import grpc
from google.protobuf import message_factory
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

address, token, pid = sys.argv[1:4]
streams, sends = (int(n) for n in (sys.argv[4:] + ["500", "480"][len(sys.argv) - 4:]))
credentials = [("authorization", f"Bearer {token}")]
base = grpc.insecure_channel(address)
service = DescriptorPool(ProtoReflectionDescriptorDatabase(base)).FindServiceByName("messaging.v1.MessagingService")
SENDERS = 8
sends = sends // SENDERS * SENDERS
sent = 0


def method(channel, name, kind):
    descriptor = service.FindMethodByName(name)
    request = message_factory.GetMessageClass(descriptor.input_type)
    answer = message_factory.GetMessageClass(descriptor.output_type)
    path = f"/messaging.v1.MessagingService/{name}"
    call = getattr(channel, kind)(
        path, request_serializer=request.SerializeToString, response_deserializer=answer.FromString)
    return lambda timeout=None, **fields: call(request(**fields), metadata=credentials, timeout=timeout)


def memory():
    """The server's resident memory in kB."""
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


def burst(what):
    global sent
    send, took = method(base, "SendSingle", "unary_unary"), []

    def some():
        for _ in range(sends // SENDERS):
            begun = time.time()
            send(destination="+306900000001", text="Hi")
            took.append((time.time() - begun) * 1000)

    senders = [threading.Thread(target=some) for _ in range(SENDERS)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    took.sort()
    sent += sends
    print(f"{what}: {sends} sends, p50 {took[len(took) // 2]:.0f} ms, p99 {took[len(took) * 99 // 100]:.0f} ms", flush=True)


def read_on(stream):
    """How many events a stream still has, its last token, and how it ends."""
    events, last = 0, None
    try:
        for answer in stream:
            events, last = events + answer.HasField("event"), answer.resume_token
    except grpc.RpcError as end:
        return events, last, end
    raise AssertionError("a watch has no end of its own")


burst("warm")
burst("nobody watches")
before, sent = memory(), 0
open_streams = []
for n in range(streams):
    if n % 10 == 0:
        # The window stays at 64 KiB: left to itself, the client would let it grow for streams that nobody reads.
        options = [("grpc.use_local_subchannel_pool", 1), ("grpc.http2.bdp_probe", 0)]
        channel = grpc.insecure_channel(address, options=options)
    stream = method(channel, "WatchMessages", "unary_stream")()
    next(stream)
    open_streams.append(stream)
print(f"{streams} streams are open: {(memory() - before) / streams:.1f} kB each")
burst("they fill")
burst("they fill")
burst("they are full")
print(f"{(memory() - before) / streams:.1f} kB each", flush=True)
time.sleep(40)
burst("they are ended")
print(f"{(memory() - before) / streams:.1f} kB each")
buffered, last, end = read_on(open_streams[0])
print(f"one reads on: {buffered} events, then {end.code().name}")
rest, _, end = read_on(method(base, "WatchMessages", "unary_stream")(timeout=20, resume_token=last))
print(f"with its last token: {rest} events; {buffered + rest} in all, of {2 * sent}")
assert buffered + rest == 2 * sent
