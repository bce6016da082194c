"""`policy.audit-logger`: what its fields mean together, and what they become."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from extproc.config.model.audit_logger import AuditLogger, SecretSource, SigningKey
from extproc.config.problem import Code, Path, Problem
from extproc.config.runtime import AuditSettings, KeySource
from extproc.config.sinks import compile_sinks

if TYPE_CHECKING:
    from pathlib import Path as FilePath

    from extproc.config.model.configuration import Configuration

_PLACE: Path = ("policy", "audit-logger")
_SOURCES: Mapping[str, tuple[str, ...]] = {
    "signing_key": ("file", "env", "kms"),
    "hash_key": ("file", "env"),
    "encryption_key": ("file", "env"),
}
# Whatever a header of such a name holds may let somebody in.
_CREDENTIALS = re.compile(r"authorization|cookie|token|secret|password|api-?key|credential|signature", re.IGNORECASE)


def check(root: Mapping[str, Any]) -> Iterator[Problem]:
    """What the single fields cannot say."""
    policy = root.get("policy")
    settings = policy.get("audit-logger") if isinstance(policy, dict) else None
    if not isinstance(settings, dict):
        return
    for field, sources in _SOURCES.items():
        section = settings.get(field)
        if isinstance(section, dict) and sum(source in section for source in sources) != 1:
            message = f"names none or several of {', '.join(sources)}"
            yield Problem(Code.CONFLICT, (*_PLACE, field), message, "name exactly one", at_key=True)
    key = settings.get("signing_key")
    if isinstance(key, dict) and "region" in key and "kms" not in key:
        message = "is the region of a KMS key, and there is no kms"
        yield Problem(Code.CONFLICT, (*_PLACE, "signing_key", "region"), message, "remove it", at_key=True)
    if settings.get("capture") == "full" and "encryption_key" not in settings:
        message = "full keeps what policies took out, so it needs an encryption_key"
        yield Problem(Code.CONFLICT, (*_PLACE, "capture"), message, "add one, or write capture: redacted")
    headers = settings.get("client_headers")
    named = [
        ((*_PLACE, "client_headers", i), name) for i, name in enumerate(headers if isinstance(headers, list) else ())
    ]
    for path, name in (*named, ((*_PLACE, "principal_header"), settings.get("principal_header"))):
        if isinstance(name, str) and _CREDENTIALS.search(name):
            message = f"{name[:64]!r} may hold a credential, which is never recorded"
            yield Problem(Code.NOT_ALLOWED, path, message, "name a header that only identifies")


def settings_of(configuration: Configuration, base_dir: FilePath) -> AuditSettings:
    """The settings in force; relative paths count from `base_dir`."""
    settings = configuration.policy.audit_logger or AuditLogger()
    return AuditSettings(
        enabled="audit-logger" in configuration.policies.chain,
        immutable=settings.immutable,
        retention_days=settings.retention_days,
        log_all_access=settings.log_all_access,
        path=base_dir / (settings.path or "audit"),
        legal_hold=settings.legal_hold,
        signing_key=_source(settings.signing_key, base_dir),
        hash_key=_source(settings.hash_key, base_dir),
        encryption_key=_source(settings.encryption_key, base_dir),
        capture=settings.capture,
        capture_bytes=settings.capture_bytes,
        principal_header=(settings.principal_header or "").lower(),
        client_headers=tuple(dict.fromkeys(name.lower() for name in settings.client_headers)),
        max_batch=settings.max_batch,
        queue_records=settings.queue_records,
        segment_bytes=settings.segment_bytes,
        checkpoint_seconds=settings.checkpoint_seconds,
        sinks=compile_sinks(settings.sinks, retention_days=settings.retention_days, legal_hold=settings.legal_hold),
    )


def _source(section: SecretSource | SigningKey | None, base_dir: FilePath) -> KeySource | None:
    if section is None:
        return None
    if section.file is not None:
        return KeySource("file", str(base_dir / section.file))
    if isinstance(section, SigningKey) and section.kms is not None:
        return KeySource("kms", section.kms, section.region)
    return KeySource("env", section.env or "")
