"""Our subset of ext_proc's messages, held against Envoy's own definitions (envoy-data-plane), in both directions."""

import base64
import warnings

import pytest

with warnings.catch_warnings():
    # Its generated validators use a form that pydantic 2.12 deprecates.
    warnings.simplefilter("ignore", DeprecationWarning)
    import envoy_data_plane.envoy.config.core.v3 as core
    import envoy_data_plane.envoy.extensions.filters.http.ext_proc.v3 as filter_v3
    import envoy_data_plane.envoy.service.ext_proc.v3 as envoy
    import envoy_data_plane.google.protobuf as well_known

from extproc._pb import ext_proc_pb2 as pb
from extproc.actions import BodyMode, Continue, Release, Replace, Respond
from extproc.edge import wire
from extproc.events import (
    AttemptOutcome,
    Closed,
    RequestBody,
    RequestHeaders,
    RequestTrailers,
    ResponseBody,
    ResponseHeaders,
    ResponseTrailers,
)


def received(message):
    """What we decode of a message that Envoy's definitions serialised."""
    return wire.decode(pb.ProcessingRequest.FromString(bytes(message)))


def sent(action, event):
    """What Envoy's definitions parse of a message that we serialised; nothing in it may be unknown to them."""
    data = wire.encode(action, event).SerializeToString()
    message = envoy.ProcessingResponse.parse(data)
    assert not message._unknown_fields
    # Field order in maps apart, both sides must say the same in the same bytes.
    assert len(bytes(message)) == len(data)
    return message


def header_map(*pairs):
    return core.HeaderMap(headers=[core.HeaderValue(key=k, raw_value=v) for k, v in pairs])


def string(value):
    return well_known.Value(string_value=value)


def test_request_headers_arrive_lower_case_joined_and_with_the_peer():
    """Repeated headers are joined, raw bytes are latin-1, and the peer's address comes as an attribute."""
    message = envoy.ProcessingRequest(
        request_headers=envoy.HttpHeaders(
            headers=header_map((":path", b"/v1/models"), ("accept", b"a"), ("accept", b"b"), ("x", b"\xe9")),
            end_of_stream=True,
        ),
        attributes={wire.ATTRIBUTES: well_known.Struct(fields={"source.address": string("10.0.0.9:4711")})},
    )
    assert received(message) == RequestHeaders(
        {":path": "/v1/models", "accept": "a, b", "x": "é"},
        end_of_stream=True,
        source_address="10.0.0.9:4711",
        count=4,
    )


def test_response_headers_arrive_with_cluster_attempts_and_outcomes():
    """Attributes and the outcomes that attempt.lua left in metadata become fields of the event, in order."""
    east = (
        "target: east\nstatus: 400\nerror_type: ThrottlingException\ndate: Tue, 15 Nov 2033 08:12:31 GMT\n"
        "credentials: f00d\nerror_code: NO_CAPACITY\noriginal_status: 0\nretry_after: 0\nretriable: true\n"
    )
    outcomes = {"2": string("target: west\nstatus: 200\nelapsed_ms: 250\n"), "1": string(east)}
    message = envoy.ProcessingRequest(
        response_headers=envoy.HttpHeaders(headers=header_map((":status", b"200"))),
        metadata_context=core.Metadata(filter_metadata={wire.OUTCOMES: well_known.Struct(fields=outcomes)}),
        attributes={
            wire.ATTRIBUTES: well_known.Struct(
                fields={
                    "xds.cluster_name": string("west"),
                    "upstream.request_attempt_count": well_known.Value(number_value=2.0),
                    "response.code_details": string("via_upstream"),
                }
            )
        },
    )
    assert received(message) == ResponseHeaders(
        {":status": "200"},
        cluster="west",
        attempts=2,
        details="via_upstream",
        outcomes=(
            AttemptOutcome(
                *("east", 400, "ThrottlingException", "Tue, 15 Nov 2033 08:12:31 GMT", "f00d"),
                retriable=True,
                original_status=0,
                error_code="NO_CAPACITY",
            ),
            AttemptOutcome("west", 200, "", elapsed=0.25),
        ),
    )


@pytest.mark.parametrize(("number", "status"), [("503", 503), ("0", 0), ("inf", None), ("nan", None)])
def test_a_containers_status_may_be_no_number_of_ours(number, status):
    """Digits without an end in an error's body are no status, and nothing fails for them."""
    outcome = string(f"target: west\nstatus: 424\noriginal_status: {number}\n")
    message = envoy.ProcessingRequest(
        response_headers=envoy.HttpHeaders(headers=header_map((":status", b"424"))),
        metadata_context=core.Metadata(filter_metadata={wire.OUTCOMES: well_known.Struct(fields={"1": outcome})}),
    )
    assert received(message).outcomes[0].original_status == status


def test_an_attempt_that_was_never_sent_is_not_counted():
    """The router counts one that attempt.lua ended at once: nothing was to be tried any more."""
    outcome = string("target: west\nstatus: 0\nbegan: 1764000000000\n")
    message = envoy.ProcessingRequest(
        response_headers=envoy.HttpHeaders(headers=header_map((":status", b"504"))),
        metadata_context=core.Metadata(filter_metadata={wire.OUTCOMES: well_known.Struct(fields={"1": outcome})}),
        attributes={
            wire.ATTRIBUTES: well_known.Struct(
                fields={"upstream.request_attempt_count": well_known.Value(number_value=2.0)}
            )
        },
    )
    assert received(message).attempts == 1
    # Where no answer came, another target may have one.
    assert received(message).outcomes[0].retriable


def test_response_headers_without_attributes_or_metadata_have_none():
    """A local reply of Envoy's may come without a cluster; nothing is made up for it."""
    message = envoy.ProcessingRequest(response_headers=envoy.HttpHeaders(headers=header_map((":status", b"503"))))
    assert received(message) == ResponseHeaders({":status": "503"})


@pytest.mark.parametrize(
    ("message", "event"),
    [
        (envoy.ProcessingRequest(request_body=envoy.HttpBody(body=b"x", end_of_stream=True)), RequestBody(b"x")),
        (envoy.ProcessingRequest(response_body=envoy.HttpBody(body=b"x")), ResponseBody(b"x")),
        (
            envoy.ProcessingRequest(response_body=envoy.HttpBody(body=b"", end_of_stream=True)),
            ResponseBody(b"", end_of_stream=True),
        ),
        (envoy.ProcessingRequest(request_trailers=envoy.HttpTrailers()), RequestTrailers()),
        (envoy.ProcessingRequest(response_trailers=envoy.HttpTrailers()), ResponseTrailers()),
    ],
)
def test_bodies_and_trailers_arrive(message, event):
    """Bodies keep their bytes and their end, trailers are only noted."""
    assert received(message) == event


def test_a_message_of_no_kind_is_refused():
    """A message without a request means that the filter's configuration is not ours; it is no event."""
    with pytest.raises(wire.UnexpectedMessage):
        received(envoy.ProcessingRequest())


def test_a_replaced_body_carries_its_length_and_clears_the_route():
    """Envoy answers 500 to a replaced body without its exact length, and ignores a plan without a cleared route."""
    action = Replace(b"{}", (("x-a", "1"),), ("x-b",), {"kt.plan": {"priority_groups": [{"name": "west"}]}})
    common = sent(action, RequestBody(b"")).request_body.response
    assert common.body_mutation.body == b"{}"
    assert common.clear_route_cache
    assert {o.header.key: o.header.raw_value for o in common.header_mutation.set_headers} == {
        "x-a": b"1",
        "content-length": b"2",
    }
    assert {o.append_action for o in common.header_mutation.set_headers} == {
        core.HeaderValueOptionHeaderAppendAction.OVERWRITE_IF_EXISTS_OR_ADD
    }
    assert common.header_mutation.remove_headers == ["x-b"]


def test_metadata_is_a_struct_of_namespaces():
    """The plan and the attempts travel as dynamic metadata, one struct per namespace, an attempt as one text."""
    attempts = {"west": {":path": "/endpoints/e/invocations", "content-length": "5"}, "own": {"body": '"a\nb"'}}
    action = Replace(b"", metadata={"kt.plan": {"attempt_ms": 60_000}, "kt.attempts": attempts})
    fields = sent(action, RequestBody(b"")).dynamic_metadata.fields
    assert fields["kt.plan"].struct_value.fields["attempt_ms"].number_value == 60_000
    told = fields["kt.attempts"].struct_value.fields
    assert told["west"].string_value == ":path: /endpoints/e/invocations\ncontent-length: 5\n"
    assert told["own"].string_value == "body: 1\n"
    assert list(fields["kt.bodies"].struct_value.fields) == ["own"]
    assert fields["kt.bodies"].struct_value.fields["own"].string_value == '"a\nb"'


@pytest.mark.parametrize("attempt", [{"x-a": "1\nauthorization: forged"}, {"x-a\nx-b": "1"}])
def test_no_header_of_an_attempt_can_hold_another(attempt):
    """A line break in a planned header is refused: it would begin a header that nobody has signed."""
    with pytest.raises(wire.UnexpectedMessage, match="more than one line"):
        sent(Replace(b"", metadata={"kt.attempts": {"west": attempt}}), RequestBody(b""))


def test_an_immediate_response_has_status_headers_body_and_details():
    """A refusal is Envoy's ImmediateResponse; its details begin with kt, by which the listener knows our replies."""
    message = sent(Respond(409, (("x-should-retry", "false"),), b"no", "kt_input_blocked"), RequestBody(b""))
    immediate = message.immediate_response
    assert (immediate.status.code, immediate.body, immediate.details) == (409, b"no", "kt_input_blocked")
    assert immediate.headers.set_headers[0].header.raw_value == b"false"


@pytest.mark.parametrize(
    ("mode", "body_mode", "trailer_mode"),
    [
        (
            BodyMode.STREAMED,
            filter_v3.ProcessingModeBodySendMode.FULL_DUPLEX_STREAMED,
            filter_v3.ProcessingModeHeaderSendMode.SEND,
        ),
        (
            BodyMode.BUFFERED,
            filter_v3.ProcessingModeBodySendMode.BUFFERED,
            filter_v3.ProcessingModeHeaderSendMode.DEFAULT,
        ),
    ],
)
def test_the_answer_to_response_headers_asks_for_the_body(mode, body_mode, trailer_mode):
    """Streams come in chunks, with trailers (Envoy requires both together); the rest comes whole."""
    message = sent(Continue(body_mode=mode), ResponseHeaders({}))
    assert message.mode_override.response_body_mode == body_mode
    assert message.mode_override.response_trailer_mode == trailer_mode


def test_released_bytes_are_a_streamed_response():
    """In FULL_DUPLEX_STREAMED a plain body mutation is spurious; only streamed_response is right."""
    streamed = sent(Release(b"data", end_of_stream=True), ResponseBody(b"")).response_body.response.body_mutation
    assert streamed.streamed_response == envoy.StreamedBodyResponse(body=b"data", end_of_stream=True)


@pytest.mark.parametrize(
    ("event", "field"),
    [
        (RequestHeaders({}), "request_headers"),
        (RequestBody(b""), "request_body"),
        (RequestTrailers(), "request_trailers"),
        (ResponseHeaders({}), "response_headers"),
        (ResponseBody(b""), "response_body"),
        (ResponseTrailers(), "response_trailers"),
    ],
)
def test_continue_answers_with_the_kind_that_was_asked(event, field):
    """Any other kind would be a spurious message, which Envoy answers with 500."""
    assert getattr(sent(Continue(), event), field) is not None


def enclosed(body):
    """What a script of ours leaves in metadata."""
    fields = {"body": string(base64.b64encode(body).decode())}
    return core.Metadata(filter_metadata={wire.ENCLOSED: well_known.Struct(fields=fields)})


@pytest.mark.parametrize(
    ("kind", "field"), [(RequestHeaders, "request_headers"), (ResponseHeaders, "response_headers")]
)
def test_a_body_may_come_with_its_head(kind, field):
    """Any bytes; where a script took it back, or there never was one, it is not known yet."""
    for body, told in ((b"\x00\xff{}", b"\x00\xff{}"), (b"", None)):
        message = envoy.ProcessingRequest(metadata_context=enclosed(body), **{field: envoy.HttpHeaders()})
        assert received(message) == kind({}, body=told)
    assert received(envoy.ProcessingRequest(**{field: envoy.HttpHeaders()})).body is None


def test_a_body_that_came_with_its_head_is_replaced_in_one_answer():
    """Envoy drops what it holds; the length of an answer is told twice, for Envoy takes the first away."""
    action = Replace(b"abc", (("x-kt-target", "east"),), ("date",))
    asked, answered = sent(action, RequestHeaders({}, body=b"?")), sent(action, ResponseHeaders({}, body=b"?"))
    for common in (asked.request_headers.response, answered.response_headers.response):
        assert common.status == envoy.CommonResponseResponseStatus.CONTINUE_AND_REPLACE
        assert common.body_mutation.body == b"abc"
        headers = {option.header.key: option.header.raw_value for option in common.header_mutation.set_headers}
        assert headers == {"x-kt-target": b"east", "content-length": b"3"}
        assert common.header_mutation.remove_headers == ["date"]
    assert asked.dynamic_metadata is None
    length = answered.dynamic_metadata.fields[wire.ANSWER].struct_value.fields["length"]
    assert length.string_value == "3"


@pytest.mark.parametrize(
    ("action", "event"),
    [
        (Continue(), ResponseTrailers()),
        (Release(b"x", end_of_stream=True), ResponseBody(b"")),
        (Replace(b"x", metadata={"kt.plan": {"order": "east"}}), RequestBody(b"y")),
        (Respond(409, body=b"{}"), RequestBody(b"y")),
    ],
)
def test_what_a_span_is_to_say_goes_with_any_message(action, event):
    """Beside what else it tells; a message that is made once for many exchanges stays as it was."""
    before = wire.encode(action, event).SerializeToString()
    told = wire.annotated(wire.encode(action, event), {"kt.target": "east"})
    message = envoy.ProcessingResponse.parse(told.SerializeToString())
    assert message.dynamic_metadata.fields["kt.span"].struct_value.fields["kt.target"].string_value == "east"
    del told.dynamic_metadata.fields["kt.span"]
    if not told.dynamic_metadata.fields:
        told.ClearField("dynamic_metadata")
    assert told.SerializeToString() == before == wire.encode(action, event).SerializeToString()


@pytest.mark.parametrize(("action", "event"), [(Continue(), Closed()), (Replace(b""), RequestHeaders({}))])
def test_an_action_that_cannot_answer_is_a_bug_and_says_so(action, event):
    """A wrong pairing fails here and not in Envoy."""
    with pytest.raises(wire.UnexpectedMessage):
        wire.encode(action, event)


def test_the_numbers_of_body_and_header_modes_are_envoys():
    """Enumerations travel as numbers; each of ours must be Envoy's."""
    for ours, theirs in (
        (pb.ProcessingMode.BodySendMode, filter_v3.ProcessingModeBodySendMode),
        (pb.ProcessingMode.HeaderSendMode, filter_v3.ProcessingModeHeaderSendMode),
        (pb.HeaderValueOption.AppendAction, core.HeaderValueOptionHeaderAppendAction),
    ):
        assert {name: int(theirs[name]) for name in ours.keys()}  # noqa: SIM118 - protobuf's enum wrapper is no mapping == dict(ours.items())
