"""The table of metrics: names as Prometheus and OpenTelemetry want them."""

import re

import pytest

from extproc.metrics import families
from extproc.metrics.family import COUNTER, GAUGE, HISTOGRAM, SUM, Family


def test_every_family_is_in_the_table_once():
    """What is defined and not listed could not be added up."""
    defined = [value for value in vars(families).values() if isinstance(value, Family)]
    assert sorted(family.name for family in defined) == sorted(families.BY_NAME)
    assert len(families.FAMILIES) == len(families.BY_NAME)


@pytest.mark.parametrize("family", families.FAMILIES, ids=lambda family: family.name)
def test_a_family_is_well_formed(family):
    """A name with its unit, help that is a sentence, labels in snake case, ascending buckets for histograms alone."""
    assert re.fullmatch(r"(kt|gen_ai)(_[a-z]+)+", family.name)
    assert not family.name.endswith("_total")
    assert family.help.endswith(".")
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", label) for label in family.labels)
    assert list(family.buckets) == sorted(set(family.buckets))
    assert bool(family.buckets) == (family.kind == HISTOGRAM)
    assert family.kind in (COUNTER, GAUGE, HISTOGRAM)
    assert family.together == SUM or family.kind == GAUGE


def test_the_conventions_names_and_units_are_kept():
    """OpenTelemetry's semantic conventions for generative AI, with Prometheus' underscores and units."""
    assert {name for name in families.BY_NAME if name.startswith("gen_ai")} == {
        "gen_ai_client_operation_duration_seconds",
        "gen_ai_client_operation_time_to_first_chunk_seconds",
        "gen_ai_server_time_per_output_token_seconds",
        "gen_ai_client_token_usage",
    }
    assert families.TOKENS.buckets[:5] == (1, 4, 16, 64, 256)
    assert families.OPERATION_SECONDS.buckets[:3] == (0.01, 0.02, 0.04)
