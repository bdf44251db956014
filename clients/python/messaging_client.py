"""A small client of the messaging service: sends that are safe to repeat, streams that go on after a cut, errors by reason.

pip install grpcio grpcio-status googleapis-common-protos protobuf standardwebhooks
messaging proto --descriptors messaging.binpb --service-config messaging_grpc_service_config.json

    client = Client("127.0.0.1:50051", token=…, descriptors="messaging.binpb", service_config="messaging_grpc_service_config.json")
    sent = client.send("+306900000001", "Hello", key="order-17")
    for event in client.watch(): print(event.id, event.to)

Copy it into your project; it needs no generated code.
"""
import pathlib
import random
import time

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

PACKAGE = "messaging.v1"
CUT = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.ABORTED, grpc.StatusCode.UNKNOWN)


class MessagingError(Exception):
    """A refused call: decide by `reason`, never by the words."""

    def __init__(self, error):
        self.code, self.message = error.code(), error.details()
        self.reason, self.metadata, self.violations, self.retry_after = "", {}, {}, None
        self.trailers = dict(error.trailing_metadata() or ())
        try:
            status = rpc_status.from_call(error)
        except ValueError:  # Of a proxy's that knows no details.
            status = None
        info, bad, retry = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest(), error_details_pb2.RetryInfo()
        for detail in status.details if status else ():
            if detail.Unpack(info):
                self.reason, self.metadata = info.reason, dict(info.metadata)
            elif detail.Unpack(bad):
                self.violations = {v.field: v.description for v in bad.field_violations}
            elif detail.Unpack(retry):
                self.retry_after = retry.retry_delay.ToTimedelta().total_seconds()
        super().__init__(f"{self.code.name} {self.reason}: {self.message} {self.violations or ''}".rstrip())


class Client:
    """Calls the service. `credentials` are grpc.ssl_channel_credentials(), or None for plain text on this machine."""

    def __init__(self, address, *, descriptors, service_config, token=None, api_key=None, credentials=None, timeout=30):
        files = descriptor_pb2.FileDescriptorSet.FromString(pathlib.Path(descriptors).read_bytes())
        self._pool = descriptor_pool.DescriptorPool()
        for file in files.file:  # In the order in which they import each other.
            self._pool.Add(file)
        # With it gRPC repeats reads and single sends; the server refuses repeats of those that have no key.
        options = [("grpc.service_config", pathlib.Path(service_config).read_text())]
        if credentials:
            self._channel = grpc.secure_channel(address, credentials, options)
        else:
            self._channel = grpc.insecure_channel(address, options)
        shown = {"authorization": f"Bearer {token}"} if token else {"x-api-key": api_key} if api_key else {}
        self._metadata, self._timeout = list(shown.items()), timeout

    def close(self):
        self._channel.close()

    def message(self, name, **fields):
        """A message of the contract, `SendSingleRequest` for example."""
        return message_factory.GetMessageClass(self._pool.FindMessageTypeByName(f"{PACKAGE}.{name}"))(**fields)

    def stub(self, method):
        """The bare method of gRPC, of `MessagingService/SendSingle` for example."""
        service, name = method.split("/")
        rpc = self._pool.FindServiceByName(f"{PACKAGE}.{service}").FindMethodByName(name)
        asks, answers = message_factory.GetMessageClass(rpc.input_type), message_factory.GetMessageClass(rpc.output_type)
        kind = f"{'stream' if rpc.client_streaming else 'unary'}_{'stream' if rpc.server_streaming else 'unary'}"
        path = f"/{PACKAGE}.{service}/{name}"
        return asks, getattr(self._channel, kind)(path, asks.SerializeToString, answers.FromString)

    def call(self, method, *, timeout=None, **fields):
        """Calls a method that takes one message and answers one."""
        request, stub = self.stub(method)
        try:
            return stub(request(**fields), metadata=self._metadata, timeout=timeout or self._timeout)
        except grpc.RpcError as error:
            raise MessagingError(error) from None

    def stream(self, method, **fields):
        """A stream of answers, without an end of its own; `cancel()` it."""
        request, stub = self.stub(method)
        return stub(request(**fields), metadata=self._metadata)

    def send(self, to, text, *, key, **more):
        """Sends one message. Whoever repeats it with the same key gets the same message, and no second SMS."""
        if not key:
            raise ValueError("key is required: without it a repeat is a second SMS")
        return self.call("MessagingService/SendSingle", destination=to, text=text, idempotency_key=key, **more).message

    def get(self, message_id):
        """Our record of a message."""
        return self.call("MessagingService/GetMessage", id=message_id).message

    def cancel(self, message_id):
        """Takes back a message that waits."""
        return self.call("MessagingService/CancelMessage", id=message_id).message

    def watch(self, *, resume_token="", on_token=None, **filters):
        """The changes of messages from this call on, or after the token, for ever. A cut stream is begun again after the last one.

        `on_token` is told the token behind each change once the loop comes back for more: keep it to go on after a restart.
        """
        if not resume_token:
            now = self.stream("MessagingService/WatchMessages", **filters)
            try:
                resume_token = next(now).resume_token
            except grpc.RpcError as error:
                raise MessagingError(error) from None
            finally:
                now.cancel()
        return self._changes(resume_token, on_token, filters)

    def _changes(self, resume_token, on_token, filters):
        tries = 0
        while True:
            stream = self.stream("MessagingService/WatchMessages", resume_token=resume_token, **filters)
            try:
                for told in stream:
                    tries = 0
                    if told.HasField("event"):
                        yield told.event
                    resume_token = told.resume_token
                    if on_token:
                        on_token(resume_token)
            except grpc.RpcError as error:
                if error.code() not in (*CUT, grpc.StatusCode.RESOURCE_EXHAUSTED):
                    raise MessagingError(error) from None
            finally:
                stream.cancel()
            tries = self._wait(tries)

    def refresh(self, **target):
        """Brings a campaign (`campaign_id=5`) or a list of the provider's ids up to date: its results, then the summary."""
        resume_token, tries = target.pop("resume_token", ""), 0
        while True:
            stream = self.stream("MessagingService/RefreshStatusBulk", resume_token=resume_token, **target)
            try:
                for step in stream:
                    tries, resume_token = 0, step.resume_token
                    yield step
                    if step.WhichOneof("event") == "summary":
                        return
            except grpc.RpcError as error:
                if error.code() not in CUT:
                    raise MessagingError(error) from None
            finally:
                stream.cancel()
            tries = self._wait(tries)

    @staticmethod
    def _wait(tries):
        time.sleep(min(8, 0.2 * 2**tries) * random.uniform(0.5, 1))
        return min(tries + 1, 6)

    def create_campaign(self, name, text, *, key, **more):
        """Makes a campaign. A repeat with the same key is the same campaign."""
        request = {"name": name, "text": text, "idempotency_key": key, **more}
        return self.call("CampaignService/CreateCampaign", **request).campaign

    def add_recipients(self, campaign_id, recipients):
        """Adds recipients, each {"destination": …, "variables": {…}}, in requests of 500; those that are there are `duplicates`."""
        recipients = list(recipients)
        request, stub = self.stub("CampaignService/AddRecipients")
        parts = (recipients[at : at + 500] for at in range(0, len(recipients), 500))
        try:
            requests = (request(campaign_id=campaign_id, recipients=part) for part in parts)
            return stub(requests, metadata=self._metadata, timeout=600)
        except grpc.RpcError as error:
            raise MessagingError(error) from None


def verify_webhook(body, headers, *secrets):
    """The events of a post: `body` is its bytes as they came. Several secrets while one takes the place of another.

    Raises WebhookVerificationError if none of them signed it, or if it is older than five minutes.
    """
    for secret in secrets:
        try:
            told = Webhook(secret).verify(body, dict(headers))
        except WebhookVerificationError:
            continue
        return told.get("events", [told])
    raise WebhookVerificationError("No matching signature found")
