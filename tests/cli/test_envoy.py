"""`kt envoy`."""

import json
from pathlib import Path

import pytest
import yaml

from extproc.cli import main
from extproc.render import versions

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


@pytest.mark.parametrize("output", ["-", "DIR"])
def test_what_an_older_envoy_loses_is_said(tmp_path, capsys, output):
    """On standard error, and in a YAML document as comments, line by line."""
    arguments = ["--policy-config", str(CONFIGS / "multi-region.yaml"), "--envoy-version", "1.38.2"]
    assert main(["envoy", "render", *arguments, "--output", str(tmp_path) if output == "DIR" else output]) == 0
    said = capsys.readouterr()
    lines = said.err.splitlines()
    assert lines[0] == "kt: For Envoy 1.38. What is lost against 1.40:"
    assert (
        "kt: - Of a request's targets only the first is chosen for it; those after it are tried in the file's"
        in said.err
    )
    if output == "-":
        comments = [line for line in said.out.splitlines() if line.startswith("#")]
        assert comments == [line.replace("kt: ", "# ", 1) for line in lines]
        assert yaml.safe_load(said.out)["static_resources"]
    else:
        assert "previous_priorities" in (tmp_path / "rds.json").read_text()


def test_nothing_is_said_to_be_lost_by_the_newest(capsys):
    """The default needs no comment."""
    assert main(["envoy", "render", "--policy-config", str(CONFIGS / "multi-region.yaml")]) == 0
    said = capsys.readouterr()
    assert (said.err, said.out[0] != "#") == ("", True)


@pytest.mark.parametrize("command", ["render", "validate"])
@pytest.mark.parametrize("version", ["1.35", "newest"])
def test_an_envoy_that_cannot_serve_is_an_error(capsys, command, version):
    """The message says which is the oldest that can."""
    arguments = ["--policy-config", str(CONFIGS / "minimal.yaml"), "--envoy-version", version]
    assert main(["envoy", command, *arguments]) == 2
    told = capsys.readouterr()
    assert told.err.startswith("kt: ")
    assert ("1.36" in told.err, told.out) == (True, "")


@pytest.mark.envoy
@pytest.mark.parametrize("version", ["1.36", "1.37", "1.39"])
def test_validate_checks_what_is_rendered_for_an_older_envoy(capsys, version):
    """The installed one accepts it."""
    arguments = ["--policy-config", str(CONFIGS / "enterprise.yaml"), "--envoy-version", version]
    assert main(["envoy", "validate", *arguments]) == 0
    assert "Envoy accepts" in capsys.readouterr().out


@pytest.mark.envoy
def test_validate_knows_what_an_older_envoy_does_not(capsys, monkeypatch):
    """The installed one would accept a field that is newer than the version which was asked for."""
    monkeypatch.setitem(versions.FIELDS, "retry_priority", (1, 39))
    arguments = ["--policy-config", str(CONFIGS / "enterprise.yaml"), "--envoy-version"]
    assert main(["envoy", "validate", *arguments, "1.39"]) == 0
    assert main(["envoy", "validate", *arguments, "1.38"]) == 2
    assert "unknown to it: retry_priority" in capsys.readouterr().err
