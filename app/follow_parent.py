"""Runs a program that ends when the process that started it ends, under another user if asked.

Started by path, before the program, with `command`. A program of its own instead of `subprocess`'s `preexec_fn`,
which is unsafe once the parent has threads. The kernel sends the signal (prctl(2), PR_SET_PDEATHSIG: when the
*thread* that started the program ends); outside Linux nothing is sent, and the next start stops what was left.
"""

import ctypes
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass

PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Account:
    """The user and group that a program runs as."""

    uid: int
    gid: int


def command(program: Sequence[str], *, stop_signal: signal.Signals, account: Account | None = None) -> list[str]:
    """The command line that runs `program` bound to this process; `account` needs root."""
    wrapper = [sys.executable, "-I", "-S", __file__, str(os.getpid()), str(int(stop_signal))]
    return [*wrapper, f"{account.uid}:{account.gid}" if account else "", *program]


def main(parent: str, stop_signal: str, account: str, *program: str) -> None:
    """Becomes `program`. Does not return."""
    if account:
        uid, gid = map(int, account.split(":"))
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    if sys.platform == "linux":
        # After the change of user, which clears the setting.
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, int(stop_signal))
    if os.getppid() != int(parent):
        sys.exit("The process that asked for this program is gone.")
    os.execv(program[0], program)  # noqa: S606 - becoming the program, without a shell, is the purpose


if __name__ == "__main__":
    main(*sys.argv[1:])
