"""`kt extproc serve`: the workers alone, for a mesh, for compose, or under the supervisor of `kt gateway run`."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from extproc.cli.gateway import TRANSPORTS, Once, seconds, tcp_address


def register(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb and its sub-commands."""
    commands = verbs.add_parser("extproc", help="run the external processor without Envoy").add_subparsers(
        dest="command", required=True, metavar="COMMAND"
    )
    serve = commands.add_parser("serve", help="serve Envoy's ext_proc protocol on one address")
    serve.add_argument("--policy-config", type=Path, required=True, action=Once, metavar="FILE")
    serve.add_argument(
        "--listen", type=address, required=True, metavar="ADDRESS", help='"host:port" or "unix:/path/to.sock"'
    )
    serve.add_argument(
        "--fail-mode", choices=("block", "allow"), default="block", help="when a policy or the audit fails"
    )
    serve.add_argument(
        "--writer", type=writer, default="w0", metavar="NAME", help="names this worker's audit file (default w0)"
    )
    serve.add_argument(
        "--drain-seconds", type=seconds, default=600.0, metavar="S", help="how long open answers may go on"
    )
    serve.add_argument(
        "--ticket-key",
        type=Path,
        metavar="FILE",
        help="a secret of 32 random bytes or more, made when it is not there, the same for all workers behind one "
        "Envoy: what one of them has planned, any of them then signs again when AWS refuses it (default: its own only)",
    )
    serve.add_argument(
        "--observations",
        type=Path,
        metavar="DIR",
        help="a directory, made when it is not there, by which workers of one machine or pod share what they see of "
        "the targets: latency, failures, what is in flight (default: each worker goes by what it has seen itself)",
    )
    serve.add_argument(
        "--transport",
        choices=TRANSPORTS,
        default=TRANSPORTS[0],
        help="what carries Envoy's calls: a server of our own (h2, default), or the gRPC library, at more CPU (grpc)",
    )
    serve.add_argument(
        "--metrics",
        type=tcp_address,
        metavar="HOST:PORT",
        help="serve /metrics here, to anybody who can reach it (default: nowhere; `kt gateway run --admin` has it)",
    )
    serve.add_argument(
        "--spans",
        action="store_true",
        help="tell Envoy what its spans are to say of an exchange; for one rendered with --traces",
    )
    # For the supervisor of `kt gateway run` alone: end with it, and load what it has accepted.
    serve.add_argument("--parent", type=int, metavar="PID", help=argparse.SUPPRESS)
    serve.add_argument("--supervisor", default="", metavar="CHAIN", help=argparse.SUPPRESS)
    serve.add_argument("--audit-down", type=Path, metavar="FILE", help=argparse.SUPPRESS)
    serve.add_argument("--counts", type=Path, metavar="DIR", help=argparse.SUPPRESS)
    serve.add_argument("--copy", type=Path, metavar="FILE", help=argparse.SUPPRESS)
    serve.set_defaults(run=_serve)


def address(text: str) -> str:
    """An address as gRPC takes it.

    Raises:
        argparse.ArgumentTypeError: it is none.
    """
    from extproc.render.settings import Address

    try:
        parsed = Address.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    host = f"[{parsed.host}]" if ":" in parsed.host else parsed.host
    return text if parsed.path else f"{host}:{parsed.port}"


def writer(text: str) -> str:
    """A name that can stand in a file's name.

    Raises:
        argparse.ArgumentTypeError: it cannot.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", text):
        raise argparse.ArgumentTypeError(f"{text!r} cannot name a file; use letters, digits, '.', '_' and '-'")
    return text


def _serve(arguments: argparse.Namespace) -> int:
    import sys

    from extproc.edge import loading, memory
    from extproc.edge.end_with import end_with

    if arguments.parent is not None:
        end_with(arguments.parent)
    # Before anything large is allocated, and before what takes time to import.
    memory.bound()
    fail_open = arguments.fail_mode == "allow"
    runtime = loading.begin(arguments.policy_config, arguments.copy, fail_open=fail_open, writer=arguments.writer)

    import uvloop

    from extproc.edge import logs
    from extproc.edge.trail.keys import KeyUnusable
    from extproc.edge.worker import WorkerSettings, serve

    logs.configure(worker=arguments.writer)
    settings = WorkerSettings(
        address=arguments.listen,
        writer=arguments.writer,
        drain_seconds=arguments.drain_seconds,
        ticket_key=arguments.ticket_key,
        observations=arguments.observations,
        supervisor=arguments.supervisor,
        audit_down=arguments.audit_down,
        transport=arguments.transport,
        counts=arguments.counts,
        metrics=arguments.metrics,
        spans=arguments.spans,
    )
    try:
        return uvloop.run(serve(runtime(), settings))
    except loading.NotLoaded as told:
        return told.status
    except (KeyUnusable, OSError) as error:
        print(f"kt: {error}", file=sys.stderr)
        return 2
