"""How a sink says what went wrong."""

from extproc.edge.trail.sinks.sink import Undelivered


def test_a_failure_is_a_kind_and_what_to_do_about_it():
    """Without more it asks for nothing: tried again as it is, when the shipping wants to."""
    plain, asked = Undelivered("timeout"), Undelivered("http 413", retry_after=3.0, too_large=True)
    assert (plain.kind, plain.retry_after, plain.too_large) == ("timeout", 0.0, False)
    assert (asked.kind, asked.retry_after, asked.too_large) == ("http 413", 3.0, True)
