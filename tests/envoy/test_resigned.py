"""attempt.lua in a real Envoy: a refused signature is made anew and the attempt repeated; what else is repeated."""

from __future__ import annotations

import json
import threading

import pytest

pytestmark = pytest.mark.envoy

TICKET = "of-east 0 4102444735.000 4102444800 payload mac"
SIGNED = b"authorization: AWS4-HMAC-SHA256 anew\nx-amz-date: 20260101T000500Z\nx-amz-security-token: fresh\n"
DATE = "Tue, 15 Nov 2033 08:12:31 GMT"


def refusal(status: int = 403, kind: str = "", message: str = "", code: str = "", **more: object):
    """An answer of AWS's front door, or of its OpenAI route when it has a code."""
    body = {"error": {"message": message, "type": "auth", "code": code}} if code else {"message": message}
    typed = (("x-amzn-ErrorType", kind),) if kind else ()
    headers = (("content-type", "application/json"), ("date", DATE), *typed)
    return {"status": status, "headers": headers, "body": json.dumps(body).encode(), **more}


EXPIRED = refusal(kind="ExpiredTokenException")
CURABLE = {
    "ExpiredTokenException": (EXPIRED, "credentials"),
    "ExpiredToken": (refusal(kind="ExpiredToken"), "credentials"),
    "long type": (refusal(kind="UnrecognizedClientException:http://internal.amazon.com/coral/"), "credentials"),
    "InvalidClientTokenId": (refusal(kind="InvalidClientTokenId"), "credentials"),
    "too old": (refusal(kind="InvalidSignatureException", message="Signature expired: 1 is now"), "clock"),
    "too young": (refusal(kind="InvalidSignatureException", message="Signature not yet current: 1"), "clock"),
    "RequestExpired": (refusal(400, "RequestExpired"), "clock"),
    "bearer": (refusal(401, code="InvalidBearerToken"), "bearer"),
    "bearer, without a word": (refusal(401), "bearer"),
    "bearer, 403": (refusal(403, code="InvalidBearerToken"), "bearer"),
}
INCURABLE = {
    "denied": refusal(kind="AccessDeniedException"),
    "bearer, denied": refusal(code="access_denied"),
    "wrong signature": refusal(kind="InvalidSignatureException", message="The request signature we calculated"),
    "of the container": refusal(401, code="model_error"),
    "throttled": refusal(400, kind="ThrottlingException"),
    "expired, they say, but no 403": refusal(500, kind="ExpiredTokenException"),
}


@pytest.fixture
def signer(pair):
    """The pair with tickets for both targets and a worker that signs; what it was asked, in lines."""
    asked: list[list[str]] = []

    def resign(request: bytes) -> bytes:
        asked.append(request.decode().split("\n"))
        return SIGNED

    pair.hooks["resign"] = resign
    pair.tickets = {"east": TICKET, "west": TICKET.replace("east", "west")}
    return asked


@pytest.mark.parametrize(("answer", "cause"), CURABLE.values(), ids=CURABLE)
def test_a_refused_signature_is_made_anew_and_the_target_asked_again(pair, signer, answer, cause):
    """The same request goes to the same target with the new signature alone; no other target is asked."""
    east, west = pair.upstreams.values()
    east.script = [pair.answer(**answer)]
    reply = pair.post()
    assert (reply.status, reply.body) == (200, b"east")
    first, second = east.received
    assert (second.path, second.body) == (first.path, first.body)
    assert sorted(second.headers) == sorted(
        [
            *[header for header in first.headers if header[0] not in ("authorization", "x-amz-date")],
            ("authorization", "AWS4-HMAC-SHA256 anew"),
            ("x-amz-date", "20260101T000500Z"),
            ("x-amz-security-token", "fresh"),
        ]
    )
    assert west.received == []
    [asked] = signer
    assert asked[:3] == ["target: east", f"cause: {cause}", f"date: {'' if cause == 'credentials' else DATE}"]


def test_the_signer_gets_the_ticket_and_every_header_but_the_signature(pair, signer):
    """The ticket as it was issued, an empty line, and what the new signature is to be over."""
    east, _ = pair.upstreams.values()
    east.script = [pair.answer(**EXPIRED)]
    pair.post()
    [asked] = signer
    assert asked[3:5] == [f"ticket: {TICKET}", ""]
    assert sorted(asked[5:]) == [
        ":authority: runtime.east.example",
        ":path: /endpoints/east/invocations",
        "content-length: 17",
        "content-type: application/json",
    ]


def test_both_tries_are_told(pair, signer):
    """The worker hears of the refusal, with whose credentials it was, and of what came of the second try."""
    east, _ = pair.upstreams.values()
    east.script = [pair.answer(**EXPIRED)]
    pair.post()
    assert pair.outcomes() == [
        {"target": "east", "status": 403, "error_type": "ExpiredTokenException", "credentials": "of-east"},
        {"target": "east", "status": 200},
    ]
    assert pair.attributes()["upstream.request_attempt_count"] == 2
    assert len(signer) == 1


def test_a_body_of_its_own_is_sent_again(pair, signer):
    """A target's own body goes with both tries, and is not sent to the signer."""
    east, _ = pair.upstreams.values()
    pair.bodies = {"east": '{"inputs":"ü"}'}
    east.script = [pair.answer(**EXPIRED)]
    assert pair.post().status == 200
    assert [received.body.decode() for received in east.received] == ['{"inputs":"ü"}'] * 2
    assert not [line for line in signer[0] if "inputs" in line]


def test_a_stream_stays_a_stream(rig):
    """What follows a refusal is passed on as it comes: the first chunk is through while the last is still held."""
    east = rig.upstream("east")
    rig.tickets, rig.hooks["resign"] = {"east": TICKET}, lambda _: SIGNED
    rig.stream_answers()
    east.script = [rig.answer(**EXPIRED), rig.answer(pieces=(b"one ", b"<gate>", b"two"))]
    rig.start()
    replies = []
    client = threading.Thread(target=lambda: replies.append(rig.post()))
    client.start()
    rig.wait_for(lambda: [message.response_body.body for message in rig.workers[0].seen("response_body")] == [b"one "])
    assert replies == []
    rig.open_gate(east)
    client.join(20)
    assert replies[0].body == b"one two"


@pytest.mark.parametrize("answer", INCURABLE.values(), ids=INCURABLE)
def test_no_new_signature_cures_that(pair, signer, answer):
    """The signer is not asked, and the target not again."""
    east, _ = pair.upstreams.values()
    east.script = [pair.answer(**answer)]
    pair.post()
    assert signer == []
    assert len(east.received) == 1


def test_without_a_ticket_nothing_is_signed_again(pair, signer):
    """The next target is tried, as after any refusal."""
    east, west = pair.upstreams.values()
    pair.tickets = {"west": TICKET}
    east.script = [pair.answer(**EXPIRED)]
    assert pair.post().body == b"west"
    assert (len(east.received), len(west.received), signer) == (1, 1, [])


USELESS = {
    "refused": PermissionError("not signed"),
    "empty": b"",
    "no signature": b"x-amz-date: 20260101T000500Z\n",
    "another header": SIGNED + b"host: elsewhere.example\n",
    "another path": SIGNED + b":path: /endpoints/other/invocations\n",
    "not lines": b"\x00\xff",
}


@pytest.mark.usefixtures("signer")
@pytest.mark.parametrize("answer", USELESS.values(), ids=USELESS)
def test_a_signer_that_does_not_sign_costs_nothing_but_its_time(pair, answer):
    """The next target is tried; without one, the client's worker gets the refusal as it came."""
    east, west = pair.upstreams.values()
    east.answer = pair.answer(**EXPIRED)
    pair.hooks["resign"] = lambda _: answer
    assert pair.post().body == b"west"
    pair.plan = ["east"]
    reply = pair.post()
    assert (reply.status, reply.body) == (403, EXPIRED["body"])
    assert (len(east.received), len(west.received)) == (2, 1)


def test_a_signer_that_is_not_there_costs_nothing_but_its_time(rig):
    """A worker that only serves ext_proc, of an older version say: the next target is tried."""
    east, west = rig.upstream("east"), rig.upstream("west")
    rig.tickets = {"east": TICKET}
    east.answer = rig.answer(**EXPIRED)

    def rename(document):
        cluster = document["static_resources"]["clusters"][1]
        lua, *_ = next(iter(cluster["typed_extension_protocol_options"].values()))["http_filters"]
        source = lua["typed_config"]["default_source_code"]
        source["inline_string"] = source["inline_string"].replace('"kt.workers"', '"kt.elsewhere"')

    rig.start(mutate=rename)
    assert rig.post().body == b"west"
    assert len(east.received) == len(west.received) == 1


def test_a_signer_that_hangs_is_left_when_the_attempts_time_is_over(pair, signer):
    """The time of an attempt holds while it waits for its signature; then the next target is tried."""
    east, west = pair.upstreams.values()
    east.answer = pair.answer(**EXPIRED)
    pair.hooks["resign"] = lambda _: pair.later(20, SIGNED)
    pair.request_headers = {"x-envoy-upstream-rq-per-try-timeout-ms": "300"}
    assert pair.post().body == b"west"
    assert (len(east.received), len(west.received), signer) == (1, 1, [])


def test_a_second_refusal_is_the_last(pair, signer):
    """A target is signed for again once; then the next one is tried, and it has no retry to spare any more."""
    east, west = pair.upstreams.values()
    east.answer = west.answer = pair.answer(**EXPIRED)
    assert pair.post().status == 403
    assert [received.header("authorization") for received in (*east.received, *west.received)] == [
        "AWS4-HMAC-SHA256 for east",
        "AWS4-HMAC-SHA256 anew",
        "AWS4-HMAC-SHA256 for west",
    ]
    assert signer[0][0] == "target: east"


def test_the_second_target_is_signed_for_again_when_the_first_could_not_be(pair, signer):
    """The retry to spare goes to whichever attempt gets a new signature."""
    east, west = pair.upstreams.values()
    east.answer = pair.answer(**EXPIRED)
    west.script = [pair.answer(**EXPIRED)]
    pair.tickets = {"west": TICKET}
    assert pair.post().body == b"west"
    assert (len(east.received), len(west.received), len(signer)) == (1, 2, 1)


def test_what_follows_the_new_signature_is_judged_as_ever(pair, signer):
    """A 503 then is tried at the next target, and is final when there is none."""
    east, west = pair.upstreams.values()
    east.script = [pair.answer(**EXPIRED), pair.answer(status=503)] * 2
    assert pair.post().body == b"west"
    pair.plan = ["east"]
    assert pair.post().status == 503
    assert (len(east.received), len(west.received), len(signer)) == (4, 1, 2)


def test_twenty_at_once(pair, signer):
    """Each is signed again for itself, and none is lost or mixed up with another."""
    east, west = pair.upstreams.values()
    good, bad = pair.answer(body=b"east"), pair.answer(**EXPIRED)
    east.answer = lambda received: good if received.header("authorization").endswith("anew") else bad
    replies = pair.posts(20)
    assert [reply.body for reply in replies] == [b"east"] * 20
    assert len(signer) == 20
    assert (len(east.received), west.received, east.violations) == (40, [], [])


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_final_answer_is_not_asked_for_again(pair, status):
    """The retry to spare is for new signatures: an answer of the last target stands, whatever it is."""
    east, _ = pair.upstreams.values()
    pair.plan = ["east"]
    east.answer = pair.answer(status=status)
    assert pair.post().status == status
    assert len(east.received) == 1


def test_an_attempt_that_took_all_its_time_is_not_repeated(pair):
    """The work may go on in the container: to ask again would double its load. The worker hears of one attempt."""
    east, _ = pair.upstreams.values()
    pair.plan = ["east"]
    east.answer = pair.answer(fault="hang")
    pair.request_headers = {"x-envoy-upstream-rq-per-try-timeout-ms": "300"}
    assert pair.post().status == 504
    assert len(east.received) == 1
    assert pair.outcomes() == [{"target": "east", "status": 0}]


def test_a_connection_that_broke_is_tried_once_more(pair):
    """As it happens when AWS closes an idle connection in the instant it is used; a second break is the end."""
    east, _ = pair.upstreams.values()
    pair.plan = ["east"]
    east.script = [pair.answer(fault="reset")]
    assert pair.post().body == b"east"
    east.script = [pair.answer(fault="reset")] * 2
    assert pair.post().status == 503
    assert len(east.received) == 4
    assert pair.attributes()["response.code_details"].startswith("upstream_reset_before_response_started")
