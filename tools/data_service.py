"""A tf.data service: other machines decode and augment for a training run.

    python tools/data_service.py --role=dispatcher --port=5000
    python tools/data_service.py --role=worker --dispatcher=grpc://10.0.0.2:5000

One dispatcher, any number of workers, each until it is stopped; the run takes
--data_service=grpc://10.0.0.2:5000. Workers read the images under the paths that the run would.
The dispatcher prints its address once it serves. There is no password: keep to a network of your
own.
"""

import argparse
import os
import signal
import sys
import threading

from simclr_med.errors import run_main

PREFIX = "grpc://"


def parse():
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--role", choices=["dispatcher", "worker"], required=True)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--host", default="localhost", help="this machine, as others reach it")
    parser.add_argument("--dispatcher", help=f"address of a worker's dispatcher, {PREFIX}HOST:PORT")
    flags = parser.parse_args()
    if (flags.role == "worker") != bool(flags.dispatcher):
        parser.error("--dispatcher belongs to --role=worker, which needs it")
    if flags.dispatcher and not flags.dispatcher.startswith(PREFIX):
        parser.error(f"--dispatcher={flags.dispatcher}: expected {PREFIX}HOST:PORT")
    return flags


def main():
    """Serves until SIGTERM or SIGINT."""
    flags = parse()
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from tensorflow.data.experimental import service

    if flags.role == "dispatcher":
        server = service.DispatchServer(service.DispatcherConfig(port=flags.port))
        print(server.target.replace("localhost", flags.host), flush=True)
    else:
        own = f"{flags.host}:%port%"
        server = service.WorkerServer(
            service.WorkerConfig(
                dispatcher_address=flags.dispatcher.removeprefix(PREFIX),
                worker_address=own,
                data_transfer_address=own,
                port=flags.port,
            )
        )
        print(f"a worker of {flags.dispatcher}", flush=True)
    stopped.wait()
    os._exit(0)  # the server's own end waits for its clients, and nothing is to be kept


if __name__ == "__main__":
    sys.exit(run_main(main))
