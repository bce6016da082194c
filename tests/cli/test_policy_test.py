"""`kt policy test`: golden files and inline suites, their exit statuses, diffs, JSON and updates."""

from __future__ import annotations

import json

import pytest

from extproc.cli import main

CONFIGURATION = """\
pack: {name: tests, version: 1.0.0, enabled: true}
providers:
  targets:
    - {id: one, provider: "sagemaker:chat:one"}
policies:
  chain: [pii-detector, audit-logger]
"""
SUITE = """\
testing:
  suites:
    - name: mail
      target: pii-detector
      cases:
        - name: is redacted
          input:
            messages: [{role: user, content: to a@example.com}, {role: assistant, content: null}]
          expected: {verdict: redact, reason_code: pii.detected}
"""
GOOD = {
    "name": "good",
    "input": {"messages": [{"role": "user", "content": "hi"}]},
    "expected": {"verdict": "allow", "reason_code": "all_policies_passed"},
}
BAD = {
    "name": "bad",
    "input": {"messages": [{"role": "user", "content": "é to a@example.com"}]},
    "expected": {"verdict": "allow", "messages": [{"role": "user", "content": "é to a@example.com"}]},
}


@pytest.fixture
def pack(tmp_path, monkeypatch):
    """A directory with a configuration and no tests, in an environment that names no AWS region."""
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "tests").mkdir()
    (tmp_path / "policy-config.yaml").write_text(CONFIGURATION)
    return tmp_path


def run(pack, *more):
    """Run the command over a pack; the exit status."""
    return main(["policy", "test", "--pack-dir", str(pack), *more])


def golden(pack, name, value):
    """Write a golden file."""
    path = pack / "tests" / name
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    return path


def test_all_pass(pack, capsys):
    """Golden files in the order of their names, then the suites: one line each, status 0."""
    golden(pack, "b.json", GOOD)
    golden(pack, "a.json", [GOOD, {**GOOD, "name": "again"}])
    (pack / "policy-config.yaml").write_text(CONFIGURATION + SUITE)
    assert run(pack) == 0
    assert capsys.readouterr().out == (
        "ok   a.json: good\nok   a.json: again\nok   b.json: good\nok   mail: is redacted\n4 passed, 0 failed\n"
    )


def test_golden_files_may_be_yaml(pack, capsys):
    """A golden file in YAML is read like one in JSON, and an update leaves it and its comments alone."""
    text = "# why\nname: n\ninput: {answer: to a@example.com}\nexpected: {verdict: allow}\n"
    path = golden(pack, "a.yaml", text)
    golden(pack, "notes.txt", "no test")
    assert run(pack, "--update") == 1
    assert path.read_text() == text
    assert capsys.readouterr().out.startswith("FAIL a.yaml: n\n     verdict: expected 'allow', got 'redact'\n")
    path.write_text(text.replace("verdict: allow", "verdict: redact"))
    assert run(pack) == 0


@pytest.mark.parametrize("content", ["name: [", "name: n\nname: m\n", "a: yes"])
def test_unusable_yaml(pack, capsys, content):
    """YAML that readers disagree about, or that is none, is told with its line, status 2."""
    golden(pack, "a.yml", content)
    assert run(pack) == 2
    assert "a.yml:" in capsys.readouterr().err


def test_a_failure_is_a_diff(pack, capsys):
    """A case that fails tells each part that came otherwise, as a diff where it is more than a word; status 1."""
    golden(pack, "a.json", BAD)
    golden(pack, "b.json", GOOD)
    assert run(pack) == 1
    assert capsys.readouterr().out == (
        "FAIL a.json: bad\n"
        "     verdict: expected 'allow', got 'redact'\n"
        "     messages:\n"
        "     --- expected\n"
        "     +++ got\n"
        "     @@ -2,5 +2,5 @@\n"
        "        {\n"
        '          "role": "user",\n'
        '     -    "content": "é to a@example.com"\n'
        '     +    "content": "é to [EMAIL_REDACTED]"\n'
        "        }\n"
        "      ]\n"
        "ok   b.json: good\n"
        "1 passed, 1 failed\n"
    )


def test_json_output(pack, capsys):
    """The published form: ok, and for each case its verdict, reason, and what each policy said."""
    golden(pack, "a.json", BAD)
    golden(pack, "b.json", {**GOOD, "input": {"messages": [{}]}})
    assert run(pack, "--json") == 1
    told = json.loads(capsys.readouterr().out)
    bad, broken = told["results"]
    assert told["ok"] is False
    assert {name: bad[name] for name in ("name", "verdict", "reason_code", "passed")} == {
        "name": "a.json: bad",
        "verdict": "redact",
        "reason_code": "pii.detected",
        "passed": False,
    }
    assert bad["details"]["quality_scores"] is None
    assert [(item["policy"], item["phase"], item["verdict"]) for item in bad["details"]["policy_results"]] == [
        ("pii-detector", "request", "redact"),
        ("audit-logger", "request", "reads nothing"),
    ]
    assert [item["what"] for item in bad["details"]["mismatches"]] == ["verdict", "messages"]
    assert (broken["verdict"], broken["passed"]) == ("error", False)
    assert "messages[0].role" in broken["details"]["error"]


def test_update_writes_what_comes(pack, capsys):
    """Parts that came otherwise replace those that were expected, missing ones are filled in, and then all pass."""
    bad = golden(pack, "a.json", BAD)
    new = golden(pack, "b.json", {"name": "new", "input": {"answer": "to a@example.com"}})
    kept = golden(pack, "c.json", json.dumps(GOOD, indent=1))
    before = kept.read_text()
    assert run(pack, "--update") == 0
    assert capsys.readouterr().out.startswith(f"updated {bad}\nupdated {new}\nok   a.json: bad\n")
    assert json.loads(bad.read_text()) == {
        **BAD,
        "expected": {"verdict": "redact", "messages": [{"role": "user", "content": "é to [EMAIL_REDACTED]"}]},
    }
    assert "é to [EMAIL" in bad.read_text(encoding="utf-8")
    expected = json.loads(new.read_text())["expected"]
    assert (expected["verdict"], expected["answer"]) == ("redact", "to [EMAIL_REDACTED]")
    assert kept.read_text() == before
    assert run(pack) == 0
    assert capsys.readouterr().out.endswith("3 passed, 0 failed\n")


def test_update_passes_over_what_broke(pack, capsys):
    """A case that could not be judged is not recorded, and still fails; nor does an inline case change."""
    broken = golden(pack, "a.json", {**GOOD, "input": {"messages": [{}]}})
    (pack / "policy-config.yaml").write_text(CONFIGURATION + SUITE.replace("verdict: redact", "verdict: allow"))
    before = broken.read_text()
    assert run(pack, "--update") == 1
    assert broken.read_text() == before
    assert capsys.readouterr().out.endswith("0 passed, 2 failed\n")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "a.json: not JSON"),
        ("[" * 100_000, "a.json: not JSON"),
        ("7", "a.json: expected a section of keys and values"),
        (json.dumps([GOOD, {}]), "a.json[1]: name: is required"),
        (json.dumps({**GOOD, "expekted": {}}), "a.json: expekted: unknown key; did you mean expected?"),
        (json.dumps({**GOOD, "expected": {"verdict": "escalate"}}), "expected one of [allow, redact, block]"),
        (json.dumps({"name": "n", "input": GOOD["input"]}), "a.json: expected: is required"),
        (json.dumps({**GOOD, "input": {}}), "input has nothing to judge"),
    ],
)
def test_unusable_golden_file(pack, capsys, content, said):
    """A golden file that is none is told with its place, status 2, and nothing is run."""
    golden(pack, "a.json", content)
    golden(pack, "b.json", GOOD)
    assert run(pack) == 2
    captured = capsys.readouterr()
    assert said in captured.err
    assert captured.out == ""


def test_no_tests_is_no_success(pack, capsys):
    """A pack without any case is status 2: nothing was tested."""
    assert run(pack) == 2
    assert "no tests" in capsys.readouterr().err


def test_unusable_configuration(pack, capsys):
    """A broken configuration is reported with its position, status 2."""
    (pack / "policy-config.yaml").write_text(CONFIGURATION.replace("audit-logger", "audit-loger"))
    assert run(pack) == 2
    assert "policies.chain[1]" in capsys.readouterr().err


def test_configuration_of_another_name(pack, capsys, monkeypatch):
    """Tests lie beside the configuration that is named, else in the working directory."""
    (pack / "policy-config.yaml").rename(pack / "other.yaml")
    golden(pack, "a.json", GOOD)
    assert main(["policy", "test", "--policy-config", str(pack / "other.yaml")]) == 0
    (pack / "other.yaml").rename(pack / "policy-config.yaml")
    monkeypatch.chdir(pack)
    assert main(["policy", "test"]) == 0
    assert capsys.readouterr().out == "ok   a.json: good\n1 passed, 0 failed\n" * 2


def test_golden_file_that_cannot_be_written(pack, capsys, monkeypatch):
    """An update that cannot be written is status 2."""
    path = golden(pack, "a.json", BAD)

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("pathlib.Path.write_text", refuse)
    assert run(pack, "--update") == 2
    assert "Permission denied" in capsys.readouterr().err
