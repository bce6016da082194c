"""What a supervisor knows at the moment."""

import pytest

from extproc import __version__
from extproc.config.load import load_runtime
from extproc.edge import gauges
from extproc.metrics.tally import Tally

CONFIG = """
pack: {name: tests, version: 1.2.3, enabled: true}
providers: {targets: [{id: east, provider: "sagemaker:chat:m", aws_region: us-east-1}]}
policies: {chain: []}
"""


@pytest.fixture
def runtime(tmp_path):
    """A configuration."""
    path = tmp_path / "policy-config.yaml"
    path.write_text(CONFIG)
    return load_runtime(path, environ={})


def test_it_tells_of_the_configuration_the_workers_and_the_targets(runtime):
    """The state of a target is the label, its value 1."""
    tally = Tally()
    report = {"targets": [{"id": "east", "state": "open", "in_flight": 2, "consecutive_failures": 5}]}
    gauges.look(tally, runtime, report, running=1, wanted=2)
    assert {(family.name, *labels): value for family, cells in tally for labels, (value,) in cells} == {
        ("kt_build_info", __version__): 1,
        ("kt_config_info", "tests", "1.2.3", runtime.config_hash): 1,
        ("kt_workers", "running"): 1,
        ("kt_workers", "configured"): 2,
        ("kt_target_in_flight", "east"): 2,
        ("kt_target_state", "east", "open"): 1,
        ("kt_target_consecutive_failures", "east"): 5,
    }
