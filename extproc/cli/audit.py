"""`kt audit`: prove, read and export the audit trail; one module per sub-command."""

from __future__ import annotations

import argparse

from extproc.cli import audit_export, audit_keygen, audit_show, audit_summary, audit_tail, audit_verify


def register(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb and its sub-commands."""
    verb = verbs.add_parser("audit", help="prove, read and export the audit trail")
    commands = verb.add_subparsers(dest="command", required=True, metavar="SUBCOMMAND")
    for module in (audit_verify, audit_tail, audit_show, audit_export, audit_summary, audit_keygen):
        module.register(commands)
