"""The options for spans."""

import argparse

import pytest

from extproc.cli.traces import add_traces, collector
from extproc.render.tracing import Collector


@pytest.fixture
def parse():
    """Read a command line."""
    parser = argparse.ArgumentParser()
    add_traces(parser)
    return lambda *options: collector(parser.parse_args(options))


def test_spans_are_made_for_a_collector_only(parse):
    """All of them, or a share."""
    assert parse() is None
    assert parse("--traces", "http://otel:4318") == Collector("otel", 4318)
    assert parse("--traces", "http://otel:4318", "--traces-percent", "2.5") == Collector("otel", 4318, percent=2.5)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--traces", "otel:4318"), "write http://host:4318"),
        (("--traces", "http://otel", "--traces-percent", "101"), "no percentage, 0 to 100"),
        (("--traces", "http://otel", "--traces-percent", "nan"), "no percentage, 0 to 100"),
        (("--traces", "http://otel", "--traces-percent", "all"), "no percentage, 0 to 100"),
    ],
)
def test_what_is_wrong_is_said(parse, capsys, options, complaint):
    """Before anything starts."""
    with pytest.raises(SystemExit):
        parse(*options)
    assert complaint in capsys.readouterr().err
