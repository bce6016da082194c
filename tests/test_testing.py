"""The playbook and the fakes: what they accept, what they refuse, and how they say so."""

from __future__ import annotations

import orjson
import pytest

from extproc.actions import BodyMode, Continue, Release, Replace, Respond
from extproc.config.runtime import Limits
from extproc.events import DeadlinePassed
from extproc.policies.base import Rule
from extproc.policies.verdict import ALLOW, Block, Phase, Place, Text, Verdict
from extproc.routing.targets import Identity
from extproc.sagemaker.eventstream import Decoder
from extproc.testing import (
    MODEL,
    NOW,
    Playbook,
    Some,
    answer_headers,
    chat_body,
    chat_headers,
    completion,
    credentials_for,
    make_exchange,
    make_runtime,
    make_target,
    play,
    streamed,
)


class NoShouting:
    """The least policy that somebody might write: it refuses requests in capitals."""

    kind = "no-shouting"
    phases = frozenset({Phase.REQUEST})

    def judge(self, texts: list[Text]) -> list[Verdict]:
        """Block what is all upper case."""
        refusal = Verdict(block=Block(self.kind, "capitals", "Please do not shout."))
        return [refusal if text.text.isupper() else ALLOW for text in texts]

    def rules(self, _: Place) -> tuple[Rule, ...]:
        """Nothing is done to streams."""
        return ()


def test_a_policy_of_ones_own_at_work() -> None:
    """The example of the module's docstring, and the same policy refusing."""
    playbook = play(policies=[NoShouting()])
    playbook.feed(chat_headers()).expect(Some(Continue))
    playbook.feed(chat_body("Hello")).expect(Some(Replace))
    playbook.feed(answer_headers("east")).expect(Some(Continue, body_mode=BodyMode.BUFFERED))
    playbook.feed(completion("HI")).expect(Some(Replace)).ends("served")
    refused = play(chat_headers(), chat_body("HELLO"), policies=[NoShouting()])
    refused.expect(Some(Respond, status=409)).ends("blocked", 409)
    assert refused.error["message"] == "Please do not shout."


@pytest.mark.parametrize(
    ("wanted", "equal"),
    [
        (Some(Release), True),
        (Some(Release, body=b"x"), True),
        (Some(Release, body=b"x", end_of_stream=False), True),
        (Some(Release, body=b"y"), False),
        (Some(Continue), False),
    ],
)
def test_some_action(wanted: Some, equal: bool) -> None:
    """Some() equals an action of its kind if the fields that it names are equal, on either side of `==`."""
    assert (wanted == Release(b"x")) is equal
    assert (Release(b"x") == wanted) is equal


def test_some_does_not_hide_a_misspelt_field() -> None:
    """A field that the action does not have is an error, not just another inequality."""
    with pytest.raises(AttributeError):
        assert Some(Release, end_of_steam=True) == Release(b"x")


def test_some_shows_what_it_wants() -> None:
    """In a diff it reads like the action it stands for."""
    assert repr(Some(Release, body=b"x")) == "Release(body=b'x', ...)"


def diff(expectation: object) -> list[str]:
    """The lines of the diff with which an expectation fails."""
    with pytest.raises(AssertionError) as failed:
        expectation()
    return str(failed.value).splitlines()


def test_a_mismatch_shows_the_whole_play() -> None:
    """What was wanted stands with `-`, what was played with `+`, and all that went before as context."""
    playbook = Playbook(make_exchange(make_runtime())).feed(chat_headers(), chat_body("Hello"))
    lines = diff(lambda: playbook.expect(Some(Respond, status=409)))
    assert lines[:2] == ["--- expected", "+++ played"]
    assert lines[3].startswith(" >> RequestHeaders(")
    assert lines[4].startswith(" << Continue(")
    assert lines[5].startswith(" >> RequestBody(")
    assert lines[6] == "-<< Respond(status=409, ...)"
    assert lines[7].startswith("+<< Replace(body=b'{")
    assert len(lines) == 8


@pytest.mark.parametrize(
    ("wanted", "sign"), [((), "+"), ((Some(Continue), Some(Continue)), "-")], ids=["too few", "too many"]
)
def test_the_number_of_actions_counts(wanted: tuple[Some, ...], sign: str) -> None:
    """An action that nobody expected fails, and so does one that did not come; those that agree are no difference."""
    playbook = Playbook(make_exchange(make_runtime())).feed(chat_headers())
    lines = diff(lambda: playbook.expect(*wanted))
    assert [line[0] for line in lines[3:] if "<< " in line] == ([sign] if not wanted else [" ", sign])


def test_the_wrong_end_shows_both() -> None:
    """`ends` compares outcome and status, and knows an exchange that goes on."""
    playbook = Playbook(make_exchange(make_runtime())).feed(chat_headers())
    assert diff(lambda: playbook.ends("served"))[-2:] == ["-== served 200", "+== goes on"]
    playbook.feed(chat_body("Hello"), answer_headers("east"), completion("Hi"))
    assert diff(lambda: playbook.ends("served", 201))[-2:] == ["-== served 201", "+== served 200"]


def test_all_actions_are_kept() -> None:
    """`actions` has every answer in order; `expect` speaks of the last event's alone."""
    playbook = Playbook(make_exchange(make_runtime()))
    playbook.feed(chat_headers(), chat_body("Hi")).expect(Some(Replace))
    assert [type(action) for action in playbook.actions] == [Continue, Replace]


def test_an_error_in_a_stream_is_read_like_any_other() -> None:
    """`error` is the object in the last event that was sent."""
    playbook = play(chat_headers(), chat_body("Hi", stream=True), answer_headers("east", stream=True))
    playbook.feed(*streamed("Hi")[:1]).feed(DeadlinePassed())
    assert playbook.error["code"] == "timeout"


def test_the_clock_moves_only_when_told() -> None:
    """The record's times are the playbook's."""
    playbook = Playbook(make_exchange(make_runtime()))
    playbook.feed(chat_headers())
    playbook.now += 2.5
    playbook.feed(chat_body("Hi"))
    record = playbook.exchange.record
    assert (record.started, record.asked) == (NOW, NOW + 2.5)


def test_targets_are_grouped_as_a_configuration_would() -> None:
    """The model selects every target in order; id and endpoint select one."""
    east, west = make_target("east"), make_target("west", identity=Identity("p"), region="us-west-2")
    runtime = make_runtime(east, west, limits=Limits(max_body_bytes=10))
    assert runtime.by_model[MODEL] == (east, west)
    assert runtime.by_model["west"] == runtime.by_model["west-endpoint"] == (west,)
    assert set(credentials_for(runtime)) == {Identity(), Identity("p")}
    assert runtime.limits.max_body_bytes == 10
    assert [target.id for target in make_runtime().targets] == ["east"]


def test_an_exchange_takes_other_surroundings() -> None:
    """What Surroundings has can be set: here, that there are no credentials at all."""
    playbook = Playbook(make_exchange(make_runtime(), credentials={}))
    playbook.feed(chat_headers(), chat_body("Hi")).expect(Some(Respond, status=503))
    assert "no credentials" in playbook.exchange.record.detail


def test_events_are_what_envoy_would_send() -> None:
    """Heads carry what they are given, bodies are JSON, and a stream is whole frames that end in [DONE]."""
    assert chat_headers(content_length="5").headers["content-length"] == "5"
    assert orjson.loads(chat_body("Hi", n=2).body) == {
        "model": MODEL,
        "messages": [{"role": "user", "content": "Hi"}],
        "n": 2,
    }
    head = answer_headers("east", 424, attempts=2)
    assert (head.cluster, head.headers[":status"], head.attempts, head.details) == ("east", "424", 2, "via_upstream")
    assert [choice["index"] for choice in orjson.loads(completion("a", "b").body)["choices"]] == [0, 1]
    *chunks, last = streamed("a", "b", usage={"prompt_tokens": 1})
    payloads = [frame.payload for chunk in chunks for frame in Decoder().feed(chunk.body)]
    assert payloads[-1] == b"data: [DONE]\n\n"
    documents = [orjson.loads(payload.removeprefix(b"data: ")) for payload in payloads[:-1]]
    assert [part["choices"][0]["delta"].get("content") for part in documents] == ["a", "b", None]
    assert documents[-1]["usage"] == {"prompt_tokens": 1}
    assert (last.body, last.end_of_stream) == (b"", True)
