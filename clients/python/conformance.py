"""Shows what the client does, row by row of conformance.json, against a service with a sandbox.

Usage: conformance.py SETUP, a file in JSON: grpc, sandbox, token, expired_token, reading_token, descriptors, service_config
"""
import hashlib
import itertools
import json
import pathlib
import queue
import socket
import sys
import threading
import time
import traceback
import urllib.request
import uuid
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks.webhooks import WebhookVerificationError

from messaging_client import Client, MessagingError, verify_webhook

setup = json.loads(pathlib.Path(sys.argv[1]).read_text())
TO = "+306900000001"
numbers = itertools.count()


def connect(address=None, **credentials):
    files = {name: setup[name] for name in ("descriptors", "service_config")}
    return Client(address or setup["grpc"], **files, **credentials)


client = connect(token=setup["token"])


def fresh():
    """A key and a text that no other send of this run has."""
    return f"python-{uuid.uuid4()}", f"Hello {next(numbers)} {uuid.uuid4()}"


def copies(text):
    """How often the provider took a text."""
    with urllib.request.urlopen(f"http://{setup['sandbox']}/sandbox/ledger?format=ndjson") as answer:
        digest = hashlib.sha256(text.encode()).hexdigest()
        return sum(json.loads(line)["text_sha256"] == digest for line in answer)


def refused(ask, reason):
    try:
        ask()
    except MessagingError as error:
        assert error.reason == reason, error
        return error
    raise AssertionError(f"{reason} was expected")


def status(message):
    return message.DESCRIPTOR.fields_by_name["status"].enum_type.values_by_number[message.status].name[15:]


def until(seen, what):
    end = time.monotonic() + 30
    while not seen():
        assert time.monotonic() < end, f"never {what}"
        time.sleep(0.02)


class Wire:
    """A way to the service that can be cut."""

    def __init__(self):
        self._listener, self._open = socket.create_server(("127.0.0.1", 0)), []
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            near, _ = self._listener.accept()
            host, port = setup["grpc"].split(":")
            far = socket.create_connection((host, int(port)))
            self._open += [near, far]
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=self._copy, args=(one, other), daemon=True).start()

    @staticmethod
    def _copy(one, other):
        try:
            while part := one.recv(65536):
                other.sendall(part)
        except OSError:
            pass
        for end in (one, other):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def cut(self):
        while self._open:
            try:
                self._open.pop().shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


class Receiver:
    """An endpoint, and the posts that come to it."""

    def __init__(self, **fields):
        posts = self.posts = queue.Queue()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                posts.put((self.rfile.read(int(self.headers["content-length"])), dict(self.headers)))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{self._server.server_port}/"
        made = client.call("WebhookService/CreateEndpoint", url=url, **fields)
        self.id, self.secret = made.endpoint.id, made.secret

    def test(self):
        client.call("WebhookService/SendTestEvent", id=self.id)
        return self.posts.get(timeout=30)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        client.call("WebhookService/DeleteEndpoint", id=self.id)
        self._server.shutdown()


def keyed_send():
    key, text = fresh()
    sent = client.send(TO, text, key=key)
    assert sent.id and sent.provider_message_id and status(sent) == "SENT" and copies(text) == 1


def key_required():
    _, text = fresh()
    for ask in (lambda: client.send(TO, text), lambda: client.send(TO, text, key="")):
        try:
            ask()
        except (TypeError, ValueError):
            continue
        raise AssertionError("a send without a key went through")
    assert copies(text) == 0


def repeat():
    key, text = fresh()
    assert client.send(TO, text, key=key).id == client.send(TO, text, key=key).id and copies(text) == 1


def key_conflict():
    key, text = fresh()
    client.send(TO, text, key=key)
    refused(lambda: client.send(TO, text + "!", key=key), "IDEMPOTENCY_KEY_REUSED")


def invalid_number():
    error = refused(lambda: client.send("12", "Hello", key=fresh()[0]), "VALIDATION_ERROR")
    assert list(error.violations) == ["destination"], error.violations


def all_violations():
    error = refused(lambda: client.send("12", "", key=fresh()[0]), "VALIDATION_ERROR")
    assert set(error.violations) == {"destination", "text"}, error.violations


def dry_run():
    key, text = fresh()
    counted = client.send(TO, text + "x" * 160, key=key, dry_run=True)
    assert counted.segments == 2 and not counted.id and copies(text + "x" * 160) == 0


def not_found():
    refused(lambda: client.get(str(uuid.uuid4())), "MESSAGE_NOT_FOUND")


def unauthenticated():
    refused(lambda: connect(token="nonsense").get(str(uuid.uuid4())), "UNAUTHENTICATED")


def expired():
    refused(lambda: connect(token=setup["expired_token"]).get(str(uuid.uuid4())), "TOKEN_EXPIRED")


def scope():
    reader = connect(token=setup["reading_token"])
    error = refused(lambda: reader.send(TO, "Hello", key=fresh()[0]), "SCOPE_REQUIRED")
    assert error.metadata == {"scope": "messages:send"}, error.metadata


def lost_answer():
    key, text = fresh()
    sent = client.send("+306900000010", text, key=key, delivery_guarantee="DELIVERY_GUARANTEE_AT_MOST_ONCE")
    # A report may be quicker than the answer of the call.
    assert status(sent) in ("UNKNOWN", "SENT", "DELIVERED"), sent
    until(lambda: copies(text) == 1, "in the provider's ledger")


def rejected():
    error = refused(lambda: client.send("+306900000016", "Hello", key=fresh()[0]), "PROVIDER_REJECTED")
    assert status(client.get(error.metadata["id"])) == "FAILED"


def scheduled():
    key, text = fresh()
    return client.send(TO, text, key=key, scheduled_at=datetime.now(timezone.utc) + timedelta(days=1))


def cancel():
    message = scheduled()
    assert status(message) == "SCHEDULED"
    assert status(client.cancel(message.id)) == status(client.get(message.id)) == "CANCELLED"


def already_sent():
    key, text = fresh()
    error = refused(lambda: client.cancel(client.send(TO, text, key=key).id), "MESSAGE_STATE")
    assert error.metadata["status"] in ("sent", "delivered"), error.metadata


def tags():
    key, text = fresh()
    sent = client.send(TO, text, key=key, reference="order 7", metadata={"shop": "athens"})
    found = client.get(sent.id)
    assert found.reference == "order 7" and dict(found.metadata) == {"shop": "athens"}


def watching(who):
    """A watch in the background that has begun, as a queue of its changes."""
    events, changes = queue.Queue(), who.watch()

    def read():
        for event in changes:
            events.put(event)

    threading.Thread(target=read, daemon=True).start()
    return events


def changes_of(events, messages):
    """The versions that were told of each message, until each was told as sent."""
    told = {message: [] for message in messages}
    names = client.message("Message").DESCRIPTOR.fields_by_name["status"].enum_type.values_by_name
    left = set(messages)
    while left:
        event = events.get(timeout=30)
        if event.id in told:
            told[event.id].append(event.version)
            if event.to == names["MESSAGE_STATUS_SENT"].number:
                left.discard(event.id)
    return told


def watch():
    events = watching(client)
    key, text = fresh()
    message = client.send(TO, text, key=key)
    versions = changes_of(events, [message.id])[message.id]
    assert versions == sorted(set(versions)) and len(versions) >= 2, versions


def watch_resumes():
    wire = Wire()
    events = watching(connect(wire.address, token=setup["token"]))
    sent = []
    for _ in range(10):
        sent += [client.send(TO, text, key=key).id for key, text in (fresh() for _ in range(3))]
        wire.cut()
    told = changes_of(events, sent)
    assert all(versions == sorted(set(versions)) for versions in told.values()), told
    history = {id: client.call("MessagingService/ExplainMessage", id=id) for id in sent}
    for id, versions in told.items():
        known = {entry.event_id for entry in history[id].entries if entry.event_id}
        assert len(versions) == len(set(versions)) <= len(known), (versions, known)


def refresh():
    sent = [client.send(TO, text, key=key) for key, text in (fresh() for _ in range(3))]
    ids = [message.provider_message_id for message in sent]
    steps = list(client.refresh(provider_message_ids={"ids": ids}))
    results = [step.result.provider_message_id for step in steps if step.WhichOneof("event") == "result"]
    assert sorted(results) == sorted(ids) and steps[-1].summary.total == 3


def campaign_add():
    key, _ = fresh()
    campaign = client.create_campaign("conformance", "Hi {{name}}", key=key)
    assert client.create_campaign("conformance", "Hi {{name}}", key=key).id == campaign.id
    of = [(TO, "Maria"), ("12", "Nobody"), (TO, "Maria"), ("+306900000021", "Nikos")]
    added = client.add_recipients(campaign.id, [{"destination": to, "variables": {"name": name}} for to, name in of])
    assert (added.added, added.duplicates, [i.index for i in added.invalid]) == (2, 1, [1]), added


def webhook_verified():
    with Receiver() as receiver:
        (event,) = verify_webhook(*receiver.test(), receiver.secret)
    assert event["type"] == "endpoint.test", event


def webhook_tampered():
    with Receiver() as receiver:
        body, headers = receiver.test()
        at = len(body) // 2
        old = {name: str(int(value) - 3600) if name.lower() == "webhook-timestamp" else value for name, value in headers.items()}
        posts = (body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :], headers), (body, old)
        for post in posts:
            try:
                verify_webhook(*post, receiver.secret)
            except WebhookVerificationError:
                continue
            raise AssertionError("a forged post was taken")


def webhook_rotated():
    with Receiver() as receiver:
        new = client.call("WebhookService/RotateSecret", id=receiver.id).secret
        post = receiver.test()
        assert new != receiver.secret
        for secrets in ([receiver.secret], [new], ["whsec_" + "A" * 43 + "=", new]):
            assert verify_webhook(*post, *secrets)


def webhook_batch():
    key, text = fresh()
    with Receiver(max_batch=5, max_wait={"seconds": 1}, metadata={"run": key}) as receiver:
        sent = [client.send(TO, f"{text} {n}", key=f"{key} {n}", metadata={"run": key}).id for n in range(2)]
        told, size = set(), 0
        while told != set(sent):
            events = verify_webhook(*receiver.posts.get(timeout=30), receiver.secret)
            told |= {event["data"]["id"] for event in events}
            size = max(size, len(events))
    assert size > 1, "no batch had several events"


def pushback():
    wire, (_, text) = Wire(), fresh()
    # Its number lets the provider take it and answer late: the connection is cut in between, and gRPC repeats the call.
    request = {"destination": "+306900000011", "text": text, "delivery_guarantee": "DELIVERY_GUARANTEE_AT_MOST_ONCE"}
    there, told = connect(wire.address, token=setup["token"]), queue.Queue()

    def send():
        try:
            told.put(refused(lambda: there.call("MessagingService/SendSingle", **request), "REPEATED_WITHOUT_KEY"))
        except Exception as error:
            told.put(error)

    threading.Thread(target=send, daemon=True).start()
    until(lambda: copies(text) == 1, "in the provider's ledger")
    wire.cut()
    error = told.get(timeout=30)
    assert isinstance(error, MessagingError) and error.code.name == "UNAVAILABLE", error
    assert copies(text) == 1


failed = False
for row in json.loads((pathlib.Path(__file__).parent.parent / "conformance.json").read_text()):
    try:
        globals()[row["id"]]()
        print("pass", row["id"], flush=True)
    except Exception:
        failed = True
        print("FAIL", row["id"], traceback.format_exc().replace("\n", " | "), flush=True)
sys.exit(failed)
