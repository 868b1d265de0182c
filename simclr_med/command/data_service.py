"""A tf.data service: other machines decode and augment for a training run.

    simclr-med data_service --role=dispatcher --port=5000
    simclr-med data_service --role=worker --dispatcher=grpc://10.0.0.2:5000

One dispatcher, any number of workers, each until it is stopped; the run takes
--data_service=grpc://10.0.0.2:5000. Workers read the images under the paths that the run would.
The dispatcher prints its address once it serves. There is no password: keep to a network of your
own.
"""

import contextlib
import os
import re
import signal
import socket
import threading

from simclr_med import quiet
from simclr_med.command import parsing
from simclr_med.config.sections.data import SERVICE
from simclr_med.errors import InputError


def parse():
    """Return the command line's values."""
    parser = parsing.parser(__doc__)
    parser.add_argument("--role", choices=["dispatcher", "worker"], required=True)
    parser.add_argument("--port", type=int, default=0, help="Port; 0 takes a free one")
    parser.add_argument(
        "--host", default="localhost", help="Name or address by which other machines reach this one"
    )
    parser.add_argument(
        "--dispatcher", help="Of a worker: the dispatcher's address, grpc://HOST:PORT"
    )
    flags = parser.parse_args()
    if (flags.role == "worker") != bool(flags.dispatcher):
        parser.error("--dispatcher belongs to --role=worker, which needs it")
    if flags.dispatcher and not re.fullmatch(SERVICE, flags.dispatcher):
        parser.error(f"--dispatcher={flags.dispatcher}: expected grpc://HOST:PORT")
    if not 0 <= flags.port < 2**16:
        parser.error(f"--port={flags.port}: expected 0 to 65535")
    return flags


def main():
    """Serve until SIGTERM or SIGINT."""
    flags = parse()
    quiet.import_tensorflow()
    from simclr_med.distribute import refuse_unanswered

    if flags.dispatcher:
        refuse_unanswered(
            flags.dispatcher, "dispatcher"
        )  # a worker would wait for an hour, deaf to signals
    try:  # gRPC would share the port with whoever serves there
        with contextlib.closing(socket.socket()) as free:
            free.bind(("", flags.port))
    except OSError as error:
        raise InputError(f"--port={flags.port}: {error}") from None
    server = start(flags)
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    dispatcher = flags.role == "dispatcher"
    address = server.target.replace("localhost", flags.host) if dispatcher else flags.dispatcher
    print(address if dispatcher else f"a worker of {address}", flush=True)
    stopped.wait()
    os._exit(0)  # the server's own end waits for its clients, and nothing is to be kept


def start(flags):
    """Return the server, which serves from now on."""
    from tensorflow.data.experimental import service

    if flags.role == "dispatcher":
        return service.DispatchServer(service.DispatcherConfig(port=flags.port))
    own = f"{flags.host}:%port%"
    return service.WorkerServer(
        service.WorkerConfig(
            dispatcher_address=flags.dispatcher.removeprefix("grpc://"),
            worker_address=own,
            data_transfer_address=own,
            port=flags.port,
        )
    )
