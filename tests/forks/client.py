"""What runs in the place of an interpreter: it asks the server for a fork, and ends as the fork does.

Only what is built in or cheap to import is used, because it is all that a start costs.
"""

import os
import signal
import socket
import sys
from collections.abc import Sequence

FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
FORKING = sys.platform == "linux"
UNBUFFERED = "-u"
REPORT = "FORKS_REPORT"
"""The variable with the descriptor that the id of the fork is written to."""


def main(address: str, python: str) -> None:
    """Run the command line of this process in a fork, or in the interpreter `python` where no fork can."""
    arguments = sys.argv[1:]
    report = os.environ.pop(REPORT, None)
    unbuffered = arguments[:1] == [UNBUFFERED]
    if unbuffered:
        arguments.pop(0)
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(address)
        child = ask(server, arguments, unbuffered) if can_fork(arguments) else 0
        if report:
            os.write(int(report), str(child or os.getpid()).encode())
            os.close(int(report))
        if not child:
            os.execv(python, [python, *sys.argv[1:]])  # noqa: S606 # the interpreter itself
        for number in FORWARDED:
            # Whoever knows the fork sends it signals, and means it alone.
            signal.signal(number, signal.SIG_IGN if report else lambda received, _: os.kill(child, received))
        end_as(int(answer(server) or signal.SIGKILL))


def can_fork(arguments: Sequence[str]) -> bool:
    """Tell whether a command line is `SCRIPT ...` or `-m MODULE ...`, where a fork can use all libraries.

    On macOS, frameworks of the system that a library has loaded end a fork.
    """
    return FORKING and bool(arguments) and (arguments[0] == "-m" or not arguments[0].startswith("-"))


def ask(server: socket.socket, arguments: Sequence[str], unbuffered: bool) -> int:
    """Return the process id of a fork that runs a command line, 0 if the server declines."""
    ignored = [number for number in FORWARDED if signal.getsignal(number) == signal.SIG_IGN]
    variables = [f"{name}={value}" for name, value in os.environ.items()]
    parts = [
        os.getcwd(),  # noqa: PTH109 # pathlib takes as long to import as everything else here
        str(os.getpgid(0)),
        "1" if unbuffered else "",
        " ".join(map(str, map(int, ignored))),
        str(len(arguments)),
        *arguments,
        *variables,
    ]
    message = os.fsencode("\0".join(parts))
    message = len(message).to_bytes(4, "big") + message
    sent = socket.send_fds(server, [message], [0, 1, 2])
    server.sendall(message[sent:])
    return int(answer(server))


def answer(server: socket.socket) -> bytes:
    """Return a line of the server's; it is empty when the server has ended."""
    line = b""
    while not line.endswith(b"\n") and (character := server.recv(1)):
        line += character
    return line


def end_as(status: int) -> None:
    """End with the status of a process, as `os.waitpid` says it."""
    if os.WIFSIGNALED(status):
        if os.WTERMSIG(status) != signal.SIGKILL:
            signal.signal(os.WTERMSIG(status), signal.SIG_DFL)
        os.kill(os.getpid(), os.WTERMSIG(status))
    os._exit(os.WEXITSTATUS(status))
