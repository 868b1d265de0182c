"""A server of ours on loopback, in a thread of the test's process or in one of its own."""

import contextlib
import subprocess
import sys
import threading
import time

from conftest import ROOT

from simclr_med.serving.rest import server


@contextlib.contextmanager
def in_a_thread(exported, limits):
    """Yield the address of a server that ends with the block."""
    running, listening = server.made(exported, limits, "127.0.0.1", 0)
    thread = threading.Thread(target=running.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        while not running.started:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        running.should_exit = True
        thread.join()


@contextlib.contextmanager
def in_a_process(folder, *flags):
    """Yield (process, address) of tools/serve.py."""
    command = [sys.executable, str(ROOT / "tools" / "serve.py"), str(folder), "--port=0", *flags]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT
    )
    try:
        line = process.stdout.readline()
        assert " serves " in line, process.stderr.read()
        yield process, line.split()[0].rstrip("/")
    finally:
        process.kill()
        process.communicate()
