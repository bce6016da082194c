"""The trap listener."""

from extproc.render.trap import trap_listener


def test_the_trap_answers_429_and_says_who_it_is(settings):
    """Every request is answered 429, which no outlier detection counts, with the mark that attempt.lua knows."""
    listener = trap_listener(settings)
    manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
    (host,) = manager["route_config"]["virtual_hosts"]
    assert host["routes"] == [{"match": {"prefix": "/"}, "direct_response": {"status": 429}}]
    assert host["response_headers_to_add"][0]["header"]["key"] == "x-kt-trap"
    assert listener["address"] == settings.trap.document()
