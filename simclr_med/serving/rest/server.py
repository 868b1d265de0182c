"""Server process: uvicorn around the application, slow clients, shutdown.

run(exported, Limits(), "127.0.0.1", 8501)
"""

import gc
import signal
import socket
from collections.abc import Callable

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from simclr_med.errors import InputError
from simclr_med.serving.rest.application import Service
from simclr_med.serving.rest.exported import Exported
from simclr_med.serving.rest.limits import Limits


def run(
    exported: Exported, limits: Limits, host: str, port: int, ready: Callable[[str], None] = print
) -> None:
    """Serve until SIGTERM or SIGINT; requests that have come by then are answered.

    Args:
      exported: an `Exported`.
      limits: `Limits`.
      host, port: to listen on; port 0 takes a free one.
      ready: called with the address of the page once clients may come.

    Raises:
      InputError: the address cannot be listened on.
    """
    server, listening = made(exported, limits, host, port)
    # After its own end uvicorn sends the process the signal again: that it came is no error.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: setattr(server, "should_exit", True))
    shown = f"[{host}]" if ":" in host else host
    gc.collect()
    gc.freeze()  # TensorFlow's objects are not looked through while a body is parsed
    ready(f"http://{shown}:{listening.getsockname()[1]}/")
    server.run(sockets=[listening])


def made(
    exported: Exported, limits: Limits, host: str, port: int
) -> tuple[uvicorn.Server, socket.socket]:
    """Return the uvicorn server and the socket that it is to serve; arguments as of `run`."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = socket.create_server((host, port), family=family, backlog=128)
    except (OSError, OverflowError) as error:
        raise InputError(f"--host={host} --port={port}: {error}") from None
    config = uvicorn.Config(
        Service(exported, limits).app(),
        http=_patient_for(limits.seconds),
        ws="none",
        lifespan="on",
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=limits.seconds,
    )
    return uvicorn.Server(config), listening


def _patient_for(seconds):
    """Return a protocol that ends a connection on which no request has come for so long.

    uvicorn itself would wait for ever for the rest of headers, or of a body that was refused.
    """

    class Patient(H11Protocol):
        def connection_made(self, transport):
            super().connection_made(transport)
            self.watch = self.loop.call_later(seconds, self._look, None)

        def connection_lost(self, exc):
            self.watch.cancel()
            super().connection_lost(exc)

        def _look(self, before):
            idle = self.cycle is None or self.cycle.response_complete
            if idle and self.cycle is before:
                self.transport.abort()
            else:
                self.watch = self.loop.call_later(seconds, self._look, self.cycle)

    return Patient
