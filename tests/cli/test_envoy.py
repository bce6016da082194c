"""`kt envoy`."""

import json
from pathlib import Path

import pytest
import yaml

from extproc.cli import main

CONFIGS = Path(__file__).resolve().parents[1] / "data" / "configs"


@pytest.fixture(autouse=True)
def region(monkeypatch):
    """The printed examples take their region from the environment."""
    monkeypatch.setenv("AWS_REGION", "us-east-1")


def test_render_prints_one_document(capsys):
    """Standard output gets the whole static configuration as YAML."""
    arguments = ["--policy-config", str(CONFIGS / "minimal.yaml"), "--worker", "workers:50051", "--listen", ":8000"]
    assert main(["envoy", "render", *arguments]) == 0
    document = yaml.safe_load(capsys.readouterr().out)
    listener = document["static_resources"]["listeners"][0]
    assert listener["address"]["socket_address"] == {"address": "0.0.0.0", "port_value": 8000}
    workers = document["static_resources"]["clusters"][0]["load_assignment"]["endpoints"][0]["lb_endpoints"]
    assert workers[0]["endpoint"]["address"]["socket_address"] == {"address": "workers", "port_value": 50051}


@pytest.mark.parametrize(
    ("options", "names"),
    [(["--static"], ["envoy.yaml"]), ([], ["bootstrap.json", "cds.json", "eds.json", "lds.json", "rds.json"])],
)
def test_render_writes_files(tmp_path, options, names):
    """A directory gets one file with --static, else a bootstrap and the files that it watches in that directory."""
    directory = tmp_path / "envoy"
    arguments = ["--policy-config", str(CONFIGS / "multi-region.yaml"), "--output", str(directory), *options]
    assert main(["envoy", "render", *arguments]) == 0
    assert sorted(path.name for path in directory.iterdir()) == names
    if not options:
        bootstrap = json.loads((directory / "bootstrap.json").read_text())
        source = bootstrap["dynamic_resources"]["cds_config"]["path_config_source"]
        assert source["path"] == str(directory / "cds.json")


@pytest.mark.parametrize(
    "arguments",
    [["--listen", "nowhere"], ["--policy-config", "/no/such/file.yaml"], ["--worker", "name:1", "--output", "OUT"]],
)
def test_what_cannot_be_rendered_is_an_error(tmp_path, capsys, arguments):
    """A wrong address, a missing file, or a worker by name in a watched file end with status 2 and one message."""
    out = [str(tmp_path) if each == "OUT" else each for each in arguments]
    assert main(["envoy", "render", "--policy-config", str(CONFIGS / "minimal.yaml"), *out]) == 2
    assert capsys.readouterr().err.startswith("kt: ")


@pytest.mark.envoy
def test_validate_asks_envoy(capsys):
    """A configuration that Envoy accepts is reported so."""
    assert main(["envoy", "validate", "--policy-config", str(CONFIGS / "enterprise.yaml")]) == 0
    assert "Envoy accepts" in capsys.readouterr().out


@pytest.mark.envoy
def test_validate_shows_what_envoy_refuses(capsys):
    """A certificate file that is not there is Envoy's complaint, told with status 2."""
    arguments = ["--policy-config", str(CONFIGS / "enterprise.yaml"), "--ca-file", "/no/such/ca.pem"]
    assert main(["envoy", "validate", *arguments]) == 2
    assert "/no/such/ca.pem" in capsys.readouterr().err


def test_validate_needs_an_envoy(capsys):
    """Without a usable Envoy the message says how to get one."""
    arguments = ["--policy-config", str(CONFIGS / "minimal.yaml"), "--envoy", "/no/such/envoy"]
    assert main(["envoy", "validate", *arguments]) == 2
    assert "pip install 'kt-gateway[gateway]'" in capsys.readouterr().err
