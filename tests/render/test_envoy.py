"""Whole renderings, held against Envoy itself."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from extproc.config.load import load_runtime
from extproc.config.runtime import Limits
from extproc.edge.envoy_binary import find_envoy, validate
from extproc.render.envoy import dynamic, endpoints, static, to_json, to_yaml
from extproc.render.settings import Address

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = [*sorted((ROOT / "tests/data/configs").glob("*.yaml")), ROOT / "envoy/compose/policy-config.yaml"]


@pytest.mark.envoy
@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: path.stem)
def test_envoy_accepts_what_every_shipped_configuration_renders_to(config, settings, tmp_path):
    """Envoy's own validation finds nothing wrong, neither in the static document nor in the watched ones."""
    runtime = load_runtime(config, environ={"AWS_REGION": "us-east-1"})
    whole = tmp_path / "static.json"
    whole.write_text(to_json(static(settings, runtime.targets, runtime.limits)))
    assert validate(find_envoy(), whole) == ""
    documents = dynamic(settings, runtime.targets, runtime.limits, str(tmp_path))
    for name, document in documents.items():
        (tmp_path / name).write_text(to_json(document))
    assert validate(find_envoy(), tmp_path / "bootstrap.json") == ""


def test_the_watched_documents_say_what_the_static_one_says(settings, targets, document):
    """Both forms hold the same clusters and routes; only how the workers and routes are found differs."""
    documents = dynamic(settings, targets, Limits(max_body_bytes=1_000, max_response_bytes=2_000), "/d")
    own = [
        {key: value for key, value in cluster.items() if key != "@type"}
        for cluster in documents["cds.json"]["resources"]
    ]
    assert own[1:] == document["static_resources"]["clusters"][1:]
    (assignment,) = documents["eds.json"]["resources"]
    assert assignment["endpoints"] == document["static_resources"]["clusters"][0]["load_assignment"]["endpoints"]
    (routes,) = documents["rds.json"]["resources"]
    manager = document["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
    assert {key: value for key, value in routes.items() if key != "@type"} == manager["route_config"]


def test_new_targets_do_not_change_the_listener(settings, targets):
    """A change of targets or limits leaves lds.json as it is: a changed listener would drain its connections."""
    before = dynamic(settings, targets, Limits(), "/d")
    after = dynamic(settings, (replace(targets[0], timeout_seconds=500.0),), Limits(max_body_bytes=1), "/d")
    assert before["lds.json"] == after["lds.json"]
    assert before["rds.json"]["version_info"] != after["rds.json"]["version_info"]


def test_the_same_input_renders_to_the_same_bytes(settings, targets):
    """Nothing depends on time or order of dictionaries, so the version changes only with the content."""
    first, second = (dynamic(settings, targets, Limits(), "/d") for _ in range(2))
    assert [to_json(first[name]) for name in first] == [to_json(second[name]) for name in second]


def test_both_notations_are_the_same_document(document):
    """YAML and JSON carry the same."""
    assert yaml.safe_load(to_yaml(document)) == json.loads(to_json(document)) == document


def test_endpoints_of_a_file_are_no_names():
    """A watched file takes sockets and IP addresses; Envoy would refuse a name there."""
    assert endpoints([Address("127.0.0.1", 1)])["resources"]
    with pytest.raises(ValueError, match="workers"):
        endpoints([Address("workers", 1)])
