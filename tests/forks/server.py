"""A process that has imported libraries, and becomes on request what `python SCRIPT` or `python -m MODULE` would be.

    python tests/forks/server.py SOCKET LIBRARY...

A library is a module, or something in one: `MODULE:NAME`.

A request comes with standard streams, working directory, environment, process group and ignored signals of the
process that asks. That process learns how the fork ended; the fork is killed when it ends first. The server ends with
its standard input, and all its forks with it.
"""

import gc
import io
import os
import pkgutil
import runpy
import selectors
import signal
import socket
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

LENGTH = 4
STANDARD_STREAMS = 3


class Request(NamedTuple):
    """What a fork is to run, and how."""

    folder: str
    group: int
    unbuffered: bool
    ignored: list[int]
    arguments: list[str]
    environment: dict[str, str]

    @classmethod
    def parse(cls, message: bytes) -> "Request":
        """Read the message of `tests.forks.client.ask`."""
        folder, group, unbuffered, ignored, count, *rest = os.fsdecode(message).split("\0")
        arguments, variables = rest[: int(count)], rest[int(count) :]
        environment = dict(variable.split("=", 1) for variable in variables)
        return cls(folder, int(group), bool(unbuffered), [*map(int, ignored.split())], arguments, environment)


class Server:
    """Forks a child for each request."""

    def __init__(self, address: str) -> None:
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(address)
        self._listener.listen(64)
        self._clients: dict[socket.socket, int] = {}
        self._ended, self._wake = socket.socketpair()
        self._wake.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wake.fileno(), warn_on_full_buffer=False)
        self._sources = selectors.DefaultSelector()
        for source in (sys.stdin, self._ended, self._listener):
            self._sources.register(source, selectors.EVENT_READ)

    def serve(self) -> Request | None:
        """Return its request in every fork, and None in this process when its input has ended."""
        while True:
            for key, _ in self._sources.select():
                if key.fileobj is sys.stdin:
                    for child in self._clients.values():
                        os.kill(child, signal.SIGKILL)
                        os.waitpid(child, 0)
                    return None
                if key.fileobj is self._ended:
                    self._reap()
                elif key.fileobj is self._listener:
                    client, _ = self._listener.accept()
                    self._sources.register(client, selectors.EVENT_READ)
                elif isinstance(key.fileobj, socket.socket) and (request := self._hear(key.fileobj)):
                    return request

    def _hear(self, client: socket.socket) -> Request | None:
        """Fork for the request of a client, or kill the fork of one that has ended; return the request in the fork."""
        if client.fileno() < 0:  # closed by what came before in the same round
            return None
        message, streams, _, _ = socket.recv_fds(client, LENGTH, STANDARD_STREAMS)
        if not message:
            self._sources.unregister(client)
            if client in self._clients:
                os.kill(self._clients[client], signal.SIGKILL)
            else:
                client.close()
            return None
        length = int.from_bytes(message, "big")
        request = Request.parse(client.recv(length, socket.MSG_WAITALL))
        child = os.fork() if _interpreter(request.environment) == _interpreter(os.environ) else None
        if child == 0:
            self._leave()
            for number, stream in enumerate(streams):
                os.dup2(stream, number)
        for stream in streams:
            os.close(stream)
        if child == 0:
            return request
        _tell(client, child or 0)
        if child:
            self._clients[client] = child
        return None

    def _reap(self) -> None:
        """Tell the clients of all forks that have ended how they did."""
        self._ended.recv(4096)
        for client, child in list(self._clients.items()):
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                del self._clients[client]
                if client in self._sources.get_map():  # which one that has ended is not
                    self._sources.unregister(client)
                    _tell(client, status)
                client.close()

    def _leave(self) -> None:
        """Close, in a fork, what belongs to the server."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self._sources.close()
        for each in (self._listener, self._ended, self._wake, *self._clients):
            each.close()


def _tell(client: socket.socket, number: int) -> None:
    with suppress(BrokenPipeError):  # its end is the next that is heard of it
        client.sendall(b"%d\n" % number)


def _interpreter(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that the interpreter reads at its start."""
    return {
        name: value
        for name, value in environment.items()
        if name.startswith(("PYTHON", "LC_")) or name == "LANG"
    }


def run(request: Request) -> None:
    """Do what the interpreter would do with a command line."""
    os.chdir(request.folder)
    os.setpgid(0, request.group)
    os.environ.clear()
    os.environ.update(request.environment)
    time.tzset()
    for number in request.ignored:
        signal.signal(number, signal.SIG_IGN)
    for stream, descriptor in ((sys.stdout, 1), (sys.stderr, 2)):
        unbuffered = request.unbuffered or bool(os.environ.get("PYTHONUNBUFFERED"))
        assert isinstance(stream, io.TextIOWrapper)
        stream.reconfigure(line_buffering=descriptor == 2 or os.isatty(descriptor), write_through=unbuffered)
    if request.arguments[0] == "-m":
        _, module, *arguments = request.arguments
        sys.argv[:] = [module, *arguments]
        sys.path[0] = request.folder
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    else:
        sys.argv[:] = request.arguments
        sys.path[0] = str(Path(request.arguments[0]).resolve().parent)
        runpy.run_path(request.arguments[0], run_name="__main__")


def main(address: str, *libraries: str) -> None:
    """Import libraries, serve, and in each fork run what was asked for."""
    for library in libraries:
        pkgutil.resolve_name(library)
    gc.collect()
    gc.freeze()
    server = Server(address)
    os.close(1)  # whoever started this process waits for it
    os.dup2(2, 1)
    if request := server.serve():
        run(request)


if __name__ == "__main__":
    main(*sys.argv[1:])
