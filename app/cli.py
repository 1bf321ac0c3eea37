"""The `todo` command: parses, calls one thing, returns its exit status.

0 done, 1 failed, 2 cannot be asked like this (arguments, settings, address).
"""

import argparse
import asyncio
import gc
import json
import os
import sys
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

from app import audit_log, doctor, encryption_keys, erasure_lists, server, worker
from app.audit_log import HeadsUnreadable
from app.client_address import key_of
from app.database import migrations
from app.database.errors import DatabaseUnavailable
from app.database.inspection import DatabaseUnreachable
from app.database.migrations import MigrationLocked
from app.development import appoint, blocks_in_force, lift_blocks, migrate, reset_second_factors, servers, sow
from app.development import run as develop
from app.domain.errors import Conflict, NotFound
from app.erasure_ledger import LedgerUnreadable
from app.field_encryption import Unreadable
from app.local_stack import LocalStackError
from app.server import ListenError
from app.settings import Settings, SettingsError, load_settings
from app.telemetry import logging

NO_ROLE = (
    "The server has no role todo_app, and this role may not make it: whoever serves can change the audit log.\n"
    "Let a superuser run `CREATE ROLE todo_app NOLOGIN;` and make a login that is a member of it, run\n"
    "`todo migrate` again, then let DATABASE_URL name that login and MIGRATION_DATABASE_URL this role."
)

Command = Callable[[argparse.Namespace], int]


class Refused(Exception):
    """The command cannot run under these settings; the message says what to change."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit status."""
    gc.freeze()  # What is imported stays until the end, and need not be walked then: a fifth of a short command.
    options = _parser().parse_args(arguments)
    for variable in ("HOST", "PORT", "WORKERS"):
        if (value := getattr(options, variable.lower(), None)) is not None:
            os.environ[variable] = str(value)  # Worker processes read their settings from the environment.
    command: Command = options.command
    try:
        return command(options)
    except (SettingsError, ListenError, HeadsUnreadable, Refused) as error:
        print(error, file=sys.stderr)
        return 2
    except (DatabaseUnavailable, DatabaseUnreachable, MigrationLocked) as error:
        print(f"The database cannot be used: {error}", file=sys.stderr)
        return 1
    except (LedgerUnreadable, LocalStackError, Unreadable) as error:
        print(error, file=sys.stderr)
        return 1
    except BrokenPipeError:  # Whoever was reading has read enough. What is still buffered goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="todo", description="A todo and users service. Settings: see .env.example.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, command: Command, text: str) -> argparse.ArgumentParser:
        subparser = commands.add_parser(name, help=text, description=text)
        subparser.set_defaults(command=command)
        return subparser

    add("dev", _dev, "Start everything on this machine: PostgreSQL, Valkey, API and worker, with demo data.")
    serve = add("serve", _serve, "Serve the API.")
    serve.add_argument("--host", help="address to listen on (HOST)")
    serve.add_argument("--port", type=int, help="port to listen on (PORT)")
    serve.add_argument("--workers", type=int, help="number of processes (WORKERS)")
    add("worker", _worker, "Run the periodic jobs.")
    add("migrate", _migrate, "Bring the database to the newest schema; safe to run twice at once.")
    add("seed", _seed, "Put the demo data into the database, once.")
    administrator = add("appoint", _appoint, "Make an account an administrator, the first one for example.")
    administrator.add_argument("email", help="the address that the account registered with")
    blocks = add("blocks", _blocks, "Show which addresses are blocked, or let one in again.")
    blocks.add_argument("--lift", metavar="ADDRESS", help="let this address in, in every process, within a second")
    mfa = add("mfa", _reset_second_factors, "Take all second factors from an account whose owner has lost them.")
    mfa.add_argument("action", choices=["reset"])
    mfa.add_argument("email", help="the address that the account registered with")
    add("doctor", _doctor, "Look for what is wrong, and say how to mend it.")
    keys = add("keys", _keys, "Encryption keys: check which the stored values need, or rotate to the current ones.")
    keys.add_argument("action", choices=["check", "rotate"], help="rotate runs beside the service and can be run again")
    audit = add("audit", _audit, "The audit log: verify it row by row, or print the heads of its chains.")
    audit.add_argument("action", choices=["verify", "heads"], help="heads are for keeping elsewhere")
    audit.add_argument("--month", type=_month, metavar="YYYY-MM", help="verify this month only")
    audit.add_argument("--against", type=Path, metavar="FILE", help="heads of an earlier day, which must still hold")
    erasures = add("erasures", _erasures, "Who was erased: print the list, or carry one out after a restore.")
    erasures.add_argument("action", choices=["export", "replay"])
    erasures.add_argument("file", nargs="?", type=Path, help='what export printed, for replay; "-" is standard input')
    openapi = add("openapi", _openapi, "Print an OpenAPI document.")
    openapi.add_argument("version", choices=["v1", "v2"])
    return parser


def _dev(_options: argparse.Namespace) -> int:
    settings = _for_a_terminal(load_settings())
    _refuse_in_production(settings)
    return develop(settings)


def _serve(_options: argparse.Namespace) -> int:
    settings = _with_database(load_settings())
    logging.configure(settings)
    return server.serve(settings, server.listen(settings.http.host, settings.http.port))


def _worker(_options: argparse.Namespace) -> int:
    settings = _with_database(load_settings())
    logging.configure(settings)
    asyncio.run(worker.work(settings))
    return 0


def _migrate(_options: argparse.Namespace) -> int:
    with servers(_for_a_terminal(load_settings())) as settings:
        has_role = migrate(settings)
    print(f"The database is at {migrations.head()}.")
    if not has_role:
        print(NO_ROLE, file=sys.stderr)
    return 0


def _seed(_options: argparse.Namespace) -> int:
    with servers(_for_a_terminal(load_settings())) as settings:
        _refuse_in_production(settings)
        is_new = asyncio.run(sow(settings))
    print("The demo data is in the database." if is_new else "The demo data was there already.")
    return 0


def _appoint(options: argparse.Namespace) -> int:
    with servers(_for_a_terminal(load_settings())) as settings:
        try:
            user = asyncio.run(appoint(settings, options.email))
        except NotFound as error:
            raise Refused(f"{error.detail} Let them register first.") from error
    print(f"{user.email} is an administrator.")
    return 0


def _keys(options: argparse.Namespace) -> int:
    action = encryption_keys.check if options.action == "check" else encryption_keys.rotate
    with servers(_for_a_terminal(load_settings())) as settings:
        return action(settings)


def _erasures(options: argparse.Namespace) -> int:
    if (options.action == "replay") != (options.file is not None):
        raise Refused("Give replay the file that export has printed, and export none.")
    with servers(_for_a_terminal(load_settings())) as settings:
        return erasure_lists.export(settings) if options.file is None else erasure_lists.replay(settings, options.file)


def _blocks(options: argparse.Namespace) -> int:
    with servers(_for_a_terminal(load_settings())) as settings:
        if options.lift is None:
            for block in asyncio.run(blocks_in_force(settings)):
                reason = ", ".join(block.signals) or block.note
                print(f"{block.client_key}  until {block.until:%Y-%m-%d %H:%M:%S} UTC  {reason}")
            return 0
        key = key_of(options.lift)
        if key is None:
            raise Refused(f"{options.lift} is no IP address.")
        lifted = asyncio.run(lift_blocks(settings, key))
    print(f"{key} may come in again." if lifted else f"{key} was not blocked.")
    return 0


def _reset_second_factors(options: argparse.Namespace) -> int:
    with servers(_for_a_terminal(load_settings())) as settings:
        try:
            asyncio.run(reset_second_factors(settings, options.email))
        except (NotFound, Conflict) as error:
            raise Refused(error.detail) from error
    print(f"{options.email} has no second factor any more, and is logged out everywhere.")
    return 0


def _audit(options: argparse.Namespace) -> int:
    with servers(_for_a_terminal(load_settings())) as settings:
        if options.action == "heads":
            return audit_log.heads(settings)
        return audit_log.verify(settings, month=options.month, against=options.against)


def _month(text: str) -> date:
    try:
        return date.fromisoformat(f"{text}-01")
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a month such as 2026-11") from None


def _doctor(_options: argparse.Namespace) -> int:
    return doctor.examine()


def _openapi(options: argparse.Namespace) -> int:
    from app.api.openapi import document  # noqa: PLC0415 - no other command needs the application,
    from app.main import create_app  # noqa: PLC0415 - and to load it takes half as long as all the rest

    print(json.dumps(document(create_app(load_settings()), options.version), indent=2, ensure_ascii=False))
    return 0


def _with_database(settings: Settings) -> Settings:
    if not settings.database.url.get_secret_value():
        raise Refused("DATABASE_URL is not set. Name a PostgreSQL server, or let `todo dev` bring one.")
    return settings


def _refuse_in_production(settings: Settings) -> None:
    if settings.is_production:
        raise Refused("ENVIRONMENT=production: there will be no demo user here, whose password everybody knows.")


def _for_a_terminal(settings: Settings) -> Settings:
    """Sends the log of this command to standard error, and only what matters: standard output is for its answer."""
    log = settings.log.model_copy(update={"level": "warning", "format": "console"})
    logging.configure(settings.model_copy(update={"log": log}), stream=sys.stderr.buffer)
    return settings


if __name__ == "__main__":
    sys.exit(main())
