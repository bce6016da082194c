"""Which Envoy knows what: the table, and every rendered document against it."""

from dataclasses import replace

import pytest

from extproc.config.runtime import Limits
from extproc.render.envoy import dynamic, static
from extproc.render.tracing import Collector
from extproc.render.versions import NEWEST, OLDEST, TYPES, newer, parse, written

VERSIONS = [(1, minor) for minor in range(OLDEST[1], NEWEST[1] + 1)]


@pytest.mark.parametrize("version", VERSIONS, ids=written)
def test_nothing_newer_than_the_version_stands_in_its_document(settings, targets, version):
    """Neither in the static document nor in the watched ones; a type that the table lacks is an error."""
    assert newer(static(settings, targets, Limits(), version=version), version) == []
    documents = dynamic(settings, targets, Limits(), "/d", version=version)
    assert newer(list(documents.values()), version) == []


def test_what_is_newer_is_found_wherever_it_stands(settings, targets):
    """A type, a field, and a command in a format, each by its name."""
    document = static(settings, targets, Limits())
    document["added"] = [{"deep": "%REQ(a)% %COALESCE({})%"}]
    assert newer(document, (1, 36)) == [
        "COALESCE",
        "refresh_cluster_on_retry",
        "type.googleapis.com/envoy.extensions.router.cluster_specifiers.priority_group.v3.PriorityGroupClusterSpecifier",
    ]
    assert newer(document, (1, 39)) == newer(document, (1, 36))[2:]
    assert newer(document, NEWEST) == []


def test_a_type_without_an_entry_is_an_error():
    """Whoever renders a new type has to say since when there is one."""
    with pytest.raises(KeyError, match="Unheard"):
        newer({"a": [{"@type": "type.googleapis.com/envoy.extensions.x.v3.Unheard"}]}, NEWEST)


def test_the_table_has_what_is_rendered_and_nothing_else(settings, targets):
    """Each of its types stands in some document."""
    settings = replace(settings, collector=Collector("otel", 4318))
    documents = [static(settings, targets, Limits(), version=version) for version in VERSIONS]
    text = str([documents, dynamic(settings, targets, Limits(), "/d")])
    assert [name for name in TYPES if f"'type.googleapis.com/envoy.{name}'" not in text] == []


@pytest.mark.parametrize(
    ("text", "version"),
    [("1.36", (1, 36)), ("1.38.2", (1, 38)), ("1.40", (1, 40)), ("1.47.1", (1, 40)), ("2.0", (1, 40))],
)
def test_versions_that_can_serve(text, version):
    """With a patch or without; a newer one gets the newest document there is."""
    assert parse(text) == version


@pytest.mark.parametrize(
    "text", ["1.35", "1.35.9", "0.99", "", "1", "1.", "latest", "v1.38", "1.38-dev", "1.38.2.1", "١.٤"]
)
def test_versions_that_cannot(text):
    """Too old, or no version: the message says which can."""
    with pytest.raises(ValueError, match=r"1\.36"):
        parse(text)
