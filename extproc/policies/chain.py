"""The chain: policies in order over original text, their verdicts joined, the first block ending it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from extproc.policies.base import Policy, Rule
from extproc.policies.gate import Gate
from extproc.policies.overlap import clusters, rewrite
from extproc.policies.restoring import Restoring
from extproc.policies.rules import RulePolicy
from extproc.policies.vault import Hiding, Vault, is_answer
from extproc.policies.verdict import (
    ALLOW,
    Finding,
    Guard,
    Judgement,
    Phase,
    Place,
    PolicyFailed,
    StreamWindow,
    Text,
    Verdict,
)
from extproc.policies.window import StreamRules, Window


@dataclass(frozen=True, slots=True)
class Chain:
    """The configured policies, in their order; kinds are unique. Immutable and shared by all exchanges.

    `fail_open` is `--fail-mode allow`: a policy that raises is skipped and named, instead of ending the exchange.
    `fail` says so, or the contrary, of single policies by their kinds.
    """

    policies: tuple[Policy, ...]
    fail_open: bool = False
    fail: Mapping[str, bool] = field(default_factory=dict)
    open: frozenset[str] = field(init=False)
    order: Mapping[str, int] = field(init=False)
    # The phases that any of them reads.
    _read: frozenset[Phase] = field(init=False)
    # Of the policies that are rules, by phase.
    _gates: Mapping[Phase, Gate] = field(init=False)
    # Compiling a window's rules takes milliseconds: once for each distinct set of rules, by the rules themselves.
    _compiled: dict[tuple[Rule, ...], StreamRules] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "order", {policy.kind: at for at, policy in enumerate(self.policies)})
        object.__setattr__(self, "_read", frozenset[Phase]().union(*(policy.phases for policy in self.policies)))
        rules = [policy for policy in self.policies if isinstance(policy, RulePolicy)]
        sets = {phase: tuple(policy.rule_set for policy in rules if phase in policy.phases) for phase in Phase}
        # Both phases have one and the same where the same policies read them: its automaton is large.
        made = {several: Gate(several) for several in sets.values() if several}
        object.__setattr__(self, "_gates", {phase: made[several] for phase, several in sets.items() if several})
        kinds = (policy.kind for policy in self.policies)
        object.__setattr__(self, "open", frozenset(kind for kind in kinds if self.fail.get(kind, self.fail_open)))

    def inspects(self, phase: Phase) -> bool:
        """Whether any policy reads text of that phase; if not, its bodies need not be looked at."""
        return phase in self._read

    def guard(self) -> Guard:
        """The chain at work on one exchange."""
        return _Guard(self, Vault())

    def judge(self, texts: Sequence[Text], vault: Vault | None = None) -> Judgement:
        """Judge whole texts together. Raises PolicyFailed when a policy raises that does not fail open.

        What is reversible in a request goes into the vault; without one, into one that is forgotten at once.
        """
        # Most texts have nothing that any rule would look at: then those policies need not be asked.
        nothing = True
        for text in texts:
            gate = self._gates.get(text.place.phase)
            if gate is not None and gate.look(text):
                nothing = False
        verdicts: list[Sequence[Verdict]] = []
        scores: dict[str, float] = {}
        failed: list[str] = []
        block = None
        found = False
        phases = {text.place.phase for text in texts}
        for policy in self.policies:
            if policy.phases.isdisjoint(phases) or (nothing and isinstance(policy, RulePolicy)):
                continue
            try:
                said = policy.judge(texts)
                if len(said) != len(texts):
                    raise ValueError(f"{len(said)} verdicts for {len(texts)} texts")  # noqa: TRY301  # a failure like any
            except Exception as error:
                # Whatever a policy raises must not become an unguarded pass: it is named and the fail mode decides.
                if policy.kind not in self.open:
                    raise PolicyFailed(policy.kind) from error
                failed.append(policy.kind)
                continue
            verdicts.append(said)
            for verdict in said:
                if verdict is ALLOW:
                    continue
                found = found or bool(verdict.findings)
                block = block or verdict.block
                for name, score in verdict.scores.items():
                    scores[name] = max(score, scores.get(name, score))
            if block:
                break
        if not found:
            return Judgement(tuple([text.text for text in texts]), (), block, scores, tuple(failed))
        hiding = Hiding(Vault() if vault is None else vault, texts)
        rewritten = []
        findings: list[Finding] = []
        places: list[int] = []
        for at, (text, *said) in enumerate(zip(texts, *verdicts, strict=True)):
            passed, reported = self._join(text, said, hiding)
            rewritten.append(passed)
            findings += reported
            places += [at] * len(reported)
        return Judgement(tuple(rewritten), tuple(findings), block, scores, tuple(failed), tuple(places))

    def window(self, place: Place, failed: set[str] | None = None) -> Window | None:
        """A hold-back for one streamed place; None when no rule of any policy applies there.

        `failed` is told the policies that fail open in it.
        """
        rules = tuple(rule for policy in self.policies for rule in policy.rules(place))
        if not rules:
            return None
        compiled = self._compiled.get(rules)
        if compiled is None:
            compiled = self._compiled[rules] = StreamRules(rules, self.order)
        return Window(compiled, fail_open=self.open, failed=failed, in_json=place.is_json)

    def _join(self, text: Text, verdicts: Sequence[Verdict], hiding: Hiding) -> tuple[str, list[Finding]]:
        found = [finding for verdict in verdicts for finding in verdict.findings]
        if not found:
            return text.text, found
        redacted = clusters((finding for finding in found if finding.replacement is not None), self.order)
        settled = hiding.hide(text, list(redacted))
        reported = [finding for finding in found if finding.replacement is None]
        for cluster in settled:
            reported += cluster.findings
        reported.sort(key=lambda finding: (finding.start, finding.end, self.order[finding.policy]))
        return rewrite(text.text, settled, in_json=text.place.is_json), reported


@dataclass(slots=True)
class _Guard:
    """What one exchange holds of the chain, and what its request's placeholders stand for.

    Answers are judged with the placeholders in them, and the values put back after that: no policy sees those.
    """

    chain: Chain
    vault: Vault
    failed: set[str] = field(default_factory=set)

    def judge(self, texts: Sequence[Text]) -> Judgement:
        judgement = self.chain.judge(texts, self.vault)
        self.failed.update(judgement.failed)
        if not self.vault:
            return judgement
        restored = (
            self.vault.restore(judged, in_json=text.place.is_json) if is_answer(text.place) else judged
            for text, judged in zip(texts, judgement.texts, strict=True)
        )
        return judgement._replace(texts=tuple(restored))

    def window(self, place: Place) -> StreamWindow | None:
        window = self.chain.window(place, self.failed)
        return Restoring(window, self.vault, place) if self.vault and is_answer(place) else window
