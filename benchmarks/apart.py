"""Measuring in a process of its own, where nothing else has taken memory or been compiled."""

import json
import resource
import subprocess
import sys
import time


def measured_apart(file, *arguments):
    """What a script prints last, as JSON, when it is called with `arguments`."""
    command = [sys.executable, file, *arguments]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def peak_kib():
    """The most memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def print_peak(step, before, repeats):
    """Prints the peak's MiB beyond `before` KiB, and the seconds of the best call after a first."""
    step()  # compiles
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    print(json.dumps({"mib": (peak_kib() - before) / 1024, "seconds": min(times)}))
