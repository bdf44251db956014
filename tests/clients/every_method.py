"""Calls every method of the server through reflection alone, and decodes the details of every error.

Usage: every_method.py ADDRESS TOKEN
"""
import sys

import grpc
from google.protobuf import json_format, message_factory
from google.protobuf.descriptor_pool import DescriptorPool
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from grpc_status import rpc_status

address, token = sys.argv[1:3]
channel = grpc.insecure_channel(address)
database = ProtoReflectionDescriptorDatabase(channel)
pool = DescriptorPool(database)
called = set()


def call(service, method, endless=False, **fields):
    descriptor = pool.FindServiceByName(f"messaging.v1.{service}").FindMethodByName(method)
    request = message_factory.GetMessageClass(descriptor.input_type)
    answer = message_factory.GetMessageClass(descriptor.output_type)
    kind = ("stream" if descriptor.client_streaming else "unary") + "_" + (
        "stream" if descriptor.server_streaming else "unary")
    stub = getattr(channel, kind)(
        f"/messaging.v1.{service}/{method}",
        request_serializer=request.SerializeToString,
        response_deserializer=answer.FromString,
    )
    called.add(method)
    message = json_format.ParseDict(fields, request())
    if descriptor.client_streaming:
        message = iter([message])
    result = stub(message, metadata=[("authorization", f"Bearer {token}")], timeout=20)
    return list(result) if descriptor.server_streaming and not endless else result


def first(service, method, count=1, **fields):
    """The first messages of a stream that has no end, which is then cancelled; one alone, or a list."""
    stream = call(service, method, endless=True, **fields)
    messages = [next(stream) for _ in range(count)]
    stream.cancel()
    return messages[0] if count == 1 else messages


def error(service, method, **fields):
    """The code, the words, the reason and the violated fields of a call that has to fail."""
    try:
        call(service, method, **fields)
    except grpc.RpcError as failure:
        status = rpc_status.from_call(failure)
        info, violations = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
        for detail in status.details:
            for message in (info, violations):
                if detail.Is(message.DESCRIPTOR):
                    detail.Unpack(message)
        return failure.code(), status.message, info.reason, [v.field for v in violations.field_violations]
    raise AssertionError(f"{method} should have failed")


M, C, I, A = "MessagingService", "CampaignService", "InboundService", "AdminService"
W = "WebhookService"
services = database.get_services()
assert {f"messaging.v1.{M}", f"messaging.v1.{C}", f"messaging.v1.{I}", f"messaging.v1.{W}", f"messaging.v1.{A}", "grpc.health.v1.Health"} <= set(services), services
for name in ("", f"messaging.v1.{M}", f"messaging.v1.{C}", f"messaging.v1.{I}", f"messaging.v1.{W}", f"messaging.v1.{A}"):
    answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(service=name))
    assert answer.status == health_pb2.HealthCheckResponse.SERVING, name

campaign = call(C, "CreateCampaign", name="spring", text="Hi {{first_name}}").campaign
assert call(C, "GetCampaign", campaign_id=campaign.id).campaign == campaign
assert list(call(C, "ListCampaigns", page_size=1).campaigns) == [campaign]
sent = call(M, "SendSingle", destination="+306900000001", text="Hi 😀", campaign_id=campaign.id, idempotency_key="k")
again = call(M, "SendSingle", destination="+306900000001", text="Hi 😀", campaign_id=campaign.id, idempotency_key="k")
assert again == sent and sent.message_id
assert call(C, "GetCampaignStats", campaign_id=campaign.id).stats.total == 1
many = call(M, "SendMany", sequence=7, message={"destination": "+306900000001", "text": "Hi", "idempotency_key": "m"})
assert [(m.sequence, m.WhichOneof("result"), m.sent.message.status) for m in many] == [(7, "sent", 4)], many
many = call(M, "SendMany", sequence=8, message={"destination": "1", "text": "Hi", "idempotency_key": "n"})
assert (many[0].error.code, many[0].error.details[0].type_url.split(".")[-1]) == (3, "ErrorInfo"), many
assert call(M, "GetMessageStatus", message_id=sent.message_id).text == "Hi 😀"
assert call(M, "RefreshStatus", provider_message_id=sent.message_id).affected_campaign_ids == [campaign.id]
assert call(M, "GetMessage", id=sent.message.id).message.destination == "+306900000001"
assert len(call(M, "ListMessages", campaign_id=campaign.id).messages) == 1
counted = call(M, "CountMessages", campaign_id=campaign.id)
assert (counted.count, counted.exact, [s.count for s in counted.statuses]) == (1, True, [1]), counted
added = call(M, "AddOptOut", destination="0030 6900000099")
assert (added.opt_out.destination, added.opt_out.source, added.added) == ("+306900000099", 1, True), added
assert list(call(M, "ListOptOuts").opt_outs) == [added.opt_out]
assert call(M, "RemoveOptOut", destination="+306900000099").removed
later = call(M, "SendSingle", destination="+306900000001", text="Hi", scheduled_at="2026-12-31T00:00:00Z").message
assert call(M, "CancelMessage", id=later.id).message.status == 8
again = dict(destination="+306900000001", text="Hi", scheduled_at="2026-12-31T00:00:00Z", idempotency_key="later")
later = call(M, "SendSingle", **again).message
assert call(M, "CancelMessage", sent_idempotency_key="later").message.id == later.id
code = call(M, "SendSingle", destination="+306900000001", text="1", scheduled_at="2026-12-31T00:00:00Z", supersede_key="login")
assert not code.HasField("superseded_message_id") and code.superseded == 0, code
newer = call(M, "SendSingle", destination="+306900000001", text="2", supersede_key="login")
assert (newer.superseded_message_id, newer.superseded) == (code.message.id, 1), newer
assert call(M, "ExplainMessage", id=sent.message.id).entries[0].kind == 1
events = call(M, "RefreshStatusBulk", campaign_id=campaign.id)
assert [e.WhichOneof("event") for e in events] == ["result", "summary"]

code, words, reason, fields = error(M, "SendSingle", destination="1", text="")
assert (code, reason) == (grpc.StatusCode.INVALID_ARGUMENT, "VALIDATION_ERROR")
assert fields == ["destination", "text"], fields
code, words, reason, _ = error(M, "GetMessageStatus", message_id="01M83N17DQBRD5R3YZJ7P9MYZW")
assert (code, words) == (grpc.StatusCode.NOT_FOUND, "Message not found: 01M83N17DQBRD5R3YZJ7P9MYZW")
assert reason == "MESSAGE_NOT_FOUND"
begun = first(M, "WatchMessages").resume_token
watched = call(M, "SendSingle", destination="+306900000001", text="Hi").message.id
seen = first(M, "WatchMessages", 3, resume_token=begun)
# The enum's numbers: none 0, SENDING 3, SENT 4.
assert [(e.event.id, getattr(e.event, "from"), e.event.to) for e in seen if e.HasField("event")] == [
    (watched, 0, 3), (watched, 3, 4)], seen
assert error(M, "WatchMessages", resume_token="mangled")[3] == ["resume_token"]

recipients = [{"destination": number, "variables": {"first_name": "Maria"}}
              for number in ("+306900000001", "+306900000004", "0030 6900000001", "1")]
added = call(C, "AddRecipients", campaign_id=campaign.id, recipients=recipients)
assert (added.added, added.duplicates, [i.index for i in added.invalid]) == (2, 1, [3]), added
assert call(C, "StartCampaign", campaign_id=campaign.id, dry_run=True).plan.messages == 2
code, _, reason, _ = error(C, "PauseCampaign", campaign_id=campaign.id)
assert (code, reason) == (grpc.StatusCode.FAILED_PRECONDITION, "CAMPAIGN_STATE")
# The enum's numbers: SCHEDULED 2, RUNNING 3, PAUSED 4, CANCELLED 5, COMPLETED 6.
assert call(C, "StartCampaign", campaign_id=campaign.id).campaign.state == 3
events = call(C, "WatchCampaign", campaign_id=campaign.id)
assert (events[-1].state, events[-1].stats.total, events[-1].stats.queued) == (6, 3, 0), events
later = call(C, "CreateCampaign", name="later", text="Hi", scheduled_at="2100-01-01T00:00:00Z").campaign
call(C, "AddRecipients", campaign_id=later.id, recipients=recipients)
states = [call(C, f"{verb}Campaign", campaign_id=later.id).campaign.state
          for verb in ("Start", "Pause", "Resume", "Cancel")]
assert states == [2, 4, 2, 5], states

assert not call(I, "ListInbound").messages  # nobody wrote
beat = first(I, "WatchInbound")
assert beat.resume_token and not beat.HasField("message"), beat
assert error(I, "GetInbound", id=sent.message.id)[2] == "INBOUND_NOT_FOUND"
for name in pool.FindServiceByName(f"messaging.v1.{A}").methods_by_name:
    assert error(A, name)[0] == grpc.StatusCode.PERMISSION_DENIED, name  # operators' alone

made = call(W, "CreateEndpoint", url="http://127.0.0.1:9/hooks", types=["message.sent"], max_wait="0.5s")
assert made.secret.startswith("whsec_") and made.endpoint.max_wait.nanos == 500_000_000, made
hook = made.endpoint.id
assert call(W, "GetEndpoint", id=hook).standing.resume_token
assert [e.id for e in call(W, "ListEndpoints").endpoints] == [hook]
changed = call(W, "UpdateEndpoint", id=hook, types={"types": []}, max_rate=5).endpoint
assert (list(changed.types), changed.max_rate, changed.max_wait.nanos) == ([], 5, 500_000_000), changed
assert call(W, "SendTestEvent", id=hook).outcome == 10  # nobody listens there: NO_CONNECTION
assert not call(W, "ListDeliveries", id=hook).deliveries
assert call(W, "ReplayEvents", id=hook, **{"from": made.endpoint.created_at.ToJsonString()}).replay_id
assert call(W, "DisableEndpoint", id=hook).endpoint.state == 2
assert error(W, "ReplayEvents", id=hook, **{"from": made.endpoint.created_at.ToJsonString()})[2] == "ENDPOINT_DISABLED"
assert call(W, "EnableEndpoint", id=hook, from_now=True).endpoint.state == 1
assert call(W, "RotateSecret", id=hook).secret not in ("", made.secret)
call(W, "DeleteEndpoint", id=hook)
assert error(W, "GetEndpoint", id=hook)[2] == "ENDPOINT_NOT_FOUND"
assert error(W, "CreateEndpoint", url="https://10.0.0.1/", max_batch=501)[3] == ["url", "max_batch"]

declared = {m.name for s in (M, C, I, W, A) for m in pool.FindServiceByName(f"messaging.v1.{s}").methods}
assert called == declared, declared - called
print("every method was called")
