"""The dashboard, the rules and docs/metrics.md: they know exactly the metrics that there are."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from extproc import record
from extproc.metrics import traffic
from extproc.metrics.families import FAMILIES
from extproc.metrics.family import COUNTER, HISTOGRAM, Family
from extproc.openai import chat, completions, embeddings
from extproc.policies.verdict import Phase
from extproc.routing import breaker, outcome
from extproc.serve import MODELS, READY

ROOT = Path(__file__).resolve().parents[2]
BOARD: dict[str, Any] = json.loads((ROOT / "envoy" / "grafana" / "kt.json").read_text(encoding="utf-8"))
RULES: dict[str, Any] = yaml.safe_load((ROOT / "envoy" / "grafana" / "rules.yaml").read_text(encoding="utf-8"))
DOCS = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")


def scraped(family: Family) -> str:
    """The name that a family has where it is scraped."""
    return family.name + ("_total" if family.kind == COUNTER else "")


def series() -> dict[str, tuple[Family, frozenset[str]]]:
    """Every name that can be asked for → its family and labels; those that a scrape adds are everybody's."""
    found = {}
    for family in FAMILIES:
        labels = frozenset(family.labels) | {"job", "instance"}
        found[scraped(family)] = family, labels
        if family.kind == HISTOGRAM:
            del found[family.name]
            found |= {f"{family.name}_{end}": (family, labels) for end in ("sum", "count")}
            found[f"{family.name}_bucket"] = family, labels | {"le"}
    return found


SERIES = series()
OUTCOMES = {record.SERVED, record.BLOCKED, record.REJECTED, record.FAILED, record.ABORTED}
PHASES = {phase.value for phase in Phase}
ENDPOINTS = {traffic.endpoint_of(path) for path in (chat.PATH, completions.PATH, embeddings.PATH, MODELS, READY, "/")}
# Of labels whose values the code knows. An attempt that has an outcome did not break off afterwards.
VALUES: dict[tuple[str, str], set[str]] = {
    ("kt_exchanges_total", "endpoint"): ENDPOINTS,
    ("kt_exchange_duration_seconds", "endpoint"): ENDPOINTS,
    ("kt_exchanges_total", "outcome"): OUTCOMES,
    ("kt_exchange_duration_seconds", "outcome"): OUTCOMES,
    ("kt_processing_seconds", "phase"): PHASES,
    ("kt_policy_findings_total", "phase"): PHASES,
    ("kt_policy_verdicts_total", "verdict"): {"allow", "observe", "redact", "block", "skipped"},
    ("kt_attempts_total", "result"): set(outcome.KINDS) - {outcome.BROKEN_OFF},
    ("kt_config_reloads_total", "result"): {"accepted", "refused"},
    ("kt_workers", "state"): {"running", "configured"},
    ("kt_target_state", "state"): {
        breaker.CLOSED, breaker.OPEN, breaker.HALF_OPEN, breaker.RESTING, breaker.ASLEEP,
    },
    ("gen_ai_client_token_usage", "gen_ai_token_type"): {"input", "output"},
    ("gen_ai_client_token_usage", "estimated"): {"true", "false"},
}  # fmt: skip

# What stands in PromQL beside metrics and labels.
WORDS = {
    "by", "without", "on", "ignoring", "group_left", "group_right", "and", "or", "unless", "bool", "sum", "min", "max",
    "rate", "increase", "histogram_quantile", "label_replace", "absent", "count_over_time", "avg_over_time", "vector",
}  # fmt: skip
_STRING = r'"(?:[^"\\]|\\.)*"'
_MATCHERS = rf'\{{((?:[^"{{}}]|{_STRING})*)\}}'
_GROUPING = r"\b(?:by|without|on|ignoring|group_left|group_right) *\(([^()]*)\)"


class Selector(NamedTuple):
    """One metric as it is asked for."""

    name: str
    matchers: tuple[tuple[str, str, str], ...]


class Query(NamedTuple):
    """What a PromQL expression asks for, and the labels that it groups by. Enough for our own expressions."""

    selectors: tuple[Selector, ...]
    grouped: frozenset[str]


def parsed(expression: str) -> Query:
    """Read an expression; whatever is not understood counts as a metric, and so fails the test."""
    grouped = frozenset(name.strip() for names in re.findall(_GROUPING, expression) for name in names.split(","))
    rest = re.sub(_GROUPING, " ", expression)
    matched: list[str] = []

    def take(braces: re.Match[str]) -> str:
        matched.append(braces[1])
        return f"\x00{len(matched) - 1} "

    rest = re.sub(_MATCHERS, take, rest)
    rest = re.sub(rf"{_STRING}|\[[^\]]*\]|\boffset +\w+", " ", rest)
    selectors = []
    for name, number in re.findall(r"(?<![\w.])([A-Za-z_:][\w:]*)(?:\x00(\d+))?", rest):
        if name not in WORDS:
            told = matched[int(number)] if number else ""
            matchers = re.findall(rf"(\w+) *(=~|!~|!=|=) *({_STRING})", told)
            selectors.append(Selector(name, tuple((label, sign, text[1:-1]) for label, sign, text in matchers)))
    return Query(tuple(selectors), grouped)


def panels(found: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """All panels, those inside of rows too."""
    for panel in found:
        yield panel
        yield from panels(panel.get("panels", []))


PANELS = list(panels(BOARD["panels"]))
TARGETS = [(panel["title"], target) for panel in PANELS for target in panel.get("targets", [])]
VARIABLES = BOARD["templating"]["list"]
ALL_RULES = [rule for group in RULES["groups"] for rule in group["rules"]]
ALERTS = [rule for rule in ALL_RULES if "alert" in rule]
EXAMPLES = [
    (line, line)
    for block in re.findall(r"```promql\n(.*?)```", DOCS, flags=re.DOTALL)
    for line in block.splitlines()
    if line and not line.startswith("#")
]
EXPRESSIONS = [
    *((title, target["expr"]) for title, target in TARGETS),
    *((rule.get("alert") or rule["record"], rule["expr"]) for rule in ALL_RULES),
    *EXAMPLES,
]


def test_expressions_are_read_as_they_are() -> None:
    """The reader of PromQL finds metrics, matchers and groupings, and takes what it does not know for a metric."""
    query = parsed('sum by (a, le) (rate(m_bucket{b="x\\"}",c=~"y|z"}[5m] offset 1h)) / on (d) 0.95 * other > 1e3')
    assert query.grouped == {"a", "le", "d"}
    assert query.selectors == (
        Selector("m_bucket", (("b", "=", 'x\\"}'), ("c", "=~", "y|z"))),
        Selector("other", ()),
    )
    assert [each.name for each in parsed("frobnicate(m)").selectors] == ["frobnicate", "m"]


@pytest.mark.parametrize(("where", "expression"), EXPRESSIONS)
def test_expressions_ask_for_what_there_is(where: str, expression: str) -> None:
    """Every metric, label and label value in the dashboard, the rules and the documentation's examples exists."""
    query = parsed(expression)
    assert query.selectors, where
    for name, matchers in query.selectors:
        assert name in SERIES, where
        family, labels = SERIES[name]
        for label, sign, text in matchers:
            assert label in labels, f"{where}: {name} has no label {label}"
            known = VALUES.get((scraped(family), label))
            if known is not None and "$" not in text:
                asked = set(text.split("|") if "~" in sign else [text])
                assert asked <= known, f"{where}: {label}"
    possible = set().union(*(SERIES[each.name][1] for each in query.selectors))
    assert query.grouped <= possible, where


def test_legends_name_labels_that_are_left() -> None:
    """A legend shows labels that its expression groups by."""
    for title, target in TARGETS:
        shown = set(re.findall(r"\{\{ *(\w+) *\}\}", target.get("legendFormat", "")))
        assert shown <= parsed(target["expr"]).grouped, title


def test_dashboard_shows_every_family() -> None:
    """No family is without a panel, but for those that another one tells more of."""
    shown = {SERIES[each.name][0].name for _, target in TARGETS for each in parsed(target["expr"]).selectors}
    assert {family.name for family in FAMILIES} - shown == {"kt_exchange_duration_seconds"}


def test_dashboard_can_be_imported_anywhere() -> None:
    """Identifiers are fixed and unique, and the data source is the reader's choice everywhere."""
    assert (BOARD["uid"], BOARD["schemaVersion"]) == ("kt-gateway", 39)
    assert "id" not in BOARD
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)
    assert len({panel["title"] for panel in PANELS}) == len(PANELS)
    assert VARIABLES[0]["type"] == "datasource"
    chosen = {"type": "prometheus", "uid": f"${{{VARIABLES[0]['name']}}}"}
    assert all(each["datasource"] == chosen for each in [*VARIABLES[1:], *PANELS] if each.get("type") != "row")
    assert all("datasource" not in target for _, target in TARGETS)
    assert not re.search(r"https?://|\d+\.\d+\.\d+\.\d+", json.dumps(BOARD))


def test_dashboard_variables_exist() -> None:
    """Every variable that a query uses is the dashboard's or Grafana's own, and finds its values in our metrics."""
    names = {variable["name"] for variable in VARIABLES} | {"__rate_interval", "__range"}
    assert set(re.findall(r"\$\{?(\w+)", json.dumps([BOARD["panels"], VARIABLES]))) - {"__all"} == names
    for variable in VARIABLES[1:]:
        asked = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"]["query"])
        assert asked, variable["name"]
        (selector,) = parsed(asked[1]).selectors
        assert asked[2] in SERIES[selector.name][1]


def test_panels_lie_side_by_side() -> None:
    """Panels fill rows of 24 columns and do not cover each other."""
    taken: set[tuple[int, int]] = set()
    for panel in PANELS:
        at = panel["gridPos"]
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert at["x"] + at["w"] <= 24, panel["title"]
        assert not cells & taken, panel["title"]
        taken |= cells
    assert len(taken) == 24 * (1 + max(y for _, y in taken))


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_alerts_say_what_to_do(rule: dict[str, Any]) -> None:
    """Each alert has a severity, a summary and a description, and speaks only of labels that it has."""
    assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
    assert rule["labels"] in ({"severity": "critical"}, {"severity": "warning"})
    assert set(rule["annotations"]) == {"summary", "description"}
    assert all(text.endswith(".") for text in rule["annotations"].values())
    query = parsed(rule["expr"])
    # Without a grouping an expression leaves a series its labels.
    left = query.grouped or frozenset().union(*(SERIES[each.name][1] for each in query.selectors))
    assert set(re.findall(r"\$labels\.(\w+)", json.dumps(rule["annotations"]))) <= left


def test_alerts_are_named_once() -> None:
    """Each alert has a name of its own, and each group too."""
    assert len({rule["alert"] for rule in ALERTS}) == len(ALERTS)
    assert len({group["name"] for group in RULES["groups"]}) == len(RULES["groups"])


def test_recorded_histograms_are_whole() -> None:
    """Each part of a histogram is recorded under the other project's name from the same part of ours."""
    names = {
        "gen_ai_server_request_duration_seconds": "gen_ai_client_operation_duration_seconds",
        "gen_ai_server_time_to_first_token_seconds": "gen_ai_client_operation_time_to_first_chunk_seconds",
    }
    parts = ("bucket", "sum", "count")
    recorded = {rule["record"]: parsed(rule["expr"]).selectors for rule in ALL_RULES if "record" in rule}
    assert recorded == {
        f"{new}_{part}": (Selector(f"{old}_{part}", ()),) for new, old in names.items() for part in parts
    }


def table(heading: str) -> list[list[str]]:
    """The rows of every table of docs/metrics.md whose first column has that heading."""
    rows, inside = [], False
    for line in DOCS.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")] if line.startswith("|") else []
        inside = bool(cells) and (inside or cells[0] == heading)
        if inside and cells[0] != heading and not cells[0].startswith("---"):
            rows.append(cells)
    return rows


def ticked(cell: str) -> list[str]:
    """What stands in backticks."""
    return re.findall(r"`([^`]+)`", cell)


def test_documentation_has_every_family() -> None:
    """docs/metrics.md names each family once, with its type and its labels in their order, and no other."""
    told = [(ticked(row[0])[0], row[1], tuple(ticked(row[2]))) for row in table("family")]
    assert sorted(told) == sorted((scraped(family), family.kind, family.labels) for family in FAMILIES)
    named = set(re.findall(r"\b(?:kt|gen_ai)_\w+", DOCS))
    assert named - {label for family in FAMILIES for label in family.labels} <= set(SERIES) | {
        scraped(family) for family in FAMILIES
    }


def test_documentation_has_every_label() -> None:
    """docs/metrics.md says of each label of each family what its values are, and lists those that the code knows."""
    told: dict[tuple[str, str], set[str]] = {}
    for labels, families, values in table("label"):
        for label in ticked(labels):
            having = [scraped(family) for family in FAMILIES if label in family.labels]
            for name in having if families == "everywhere" else ticked(families):
                assert (name, label) not in told, "told twice"
                told[name, label] = set(ticked(values))
    assert set(told) == {(scraped(family), label) for family in FAMILIES for label in family.labels}
    assert {key: told[key] for key in VALUES} == VALUES
