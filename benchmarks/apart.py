"""Measuring in a process of its own, where nothing else has taken memory or been compiled.

Standard library alone: what is measured may run in an environment without ours.
"""

import json
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time

SAMPLED_EVERY = 0.5  # seconds
ANSWERS = "BENCHMARK_ANSWERS"  # the environment's name of the pipe that `serve` writes to


def measured_apart(file, *arguments):
    """Return the last line that a script prints, as JSON, when it is called with `arguments`."""
    command = [sys.executable, file, *arguments]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def peak_kib():
    """Return the most memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def print_peak(step, before, repeats):
    """Print the peak's MiB beyond `before` KiB, and the seconds of the best call after a first."""
    step()  # compiles
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    print(json.dumps({"mib": (peak_kib() - before) / 1024, "seconds": min(times)}))


class Failed(RuntimeError):
    """A process that was measured ended with an error; the message holds its last lines."""


class Worker:
    """A process that measures once each time it is asked, and rests between: a context.

    Its script ends in `serve`.

    Args:
      command: its arguments.
      env: its environment.
    """

    def __init__(self, command, env):
        self.printed = tempfile.TemporaryFile("w+")  # noqa: SIM115, closed in __exit__
        ours, theirs = os.pipe()
        self.process = subprocess.Popen(
            command,
            env={**env, ANSWERS: str(theirs)},
            stdin=subprocess.PIPE,
            stdout=self.printed,
            stderr=self.printed,
            text=True,
            pass_fds=[theirs],
        )
        os.close(theirs)
        self.answers = os.fdopen(ours)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.process.kill()
        self.process.communicate()
        self.answers.close()
        self.printed.close()

    def ask(self):
        """Return the answer, a dict, to one more measurement.

        Raises:
          Failed: the process has ended.
        """
        try:
            print(file=self.process.stdin, flush=True)
            answer = self.answers.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            raise Failed(_last_lines(self.printed))
        return json.loads(answer)


def serve(measure):
    """Answer each line of the standard input with the JSON of `measure()`.

    The answers have a pipe of their own: libraries print what they like.
    """
    with os.fdopen(int(os.environ[ANSWERS]), "w") as answers:
        for _ in sys.stdin:
            print(json.dumps(measure()), file=answers, flush=True)


def take_turns(workers, rounds):
    """Ask every worker once a round, in an order that is turned round each time.

    Returns:
      Name to the answers in order of the rounds.
    """
    answers = {name: [] for name in workers}
    for number in range(rounds):
        for name in list(workers)[:: -1 if number % 2 else 1]:
            answers[name].append(workers[name].ask())
    return answers


def pairwise_ratio(values, others):
    """Return the median of value / other of the same round, so that drift cancels."""
    return statistics.median(value / other for value, other in zip(values, others, strict=True))


def watched(command, env):
    """Run a command to its end while its memory is sampled.

    Returns:
      What it printed, and the most MiB that it and its children held at once; None where there is
      no /proc to tell.

    Raises:
      Failed: its exit code is not 0.
    """
    with tempfile.TemporaryFile("w+") as printed, tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            command, env=env, stdout=printed, stderr=errors, text=True, start_new_session=True
        )
        peak, done = [0], threading.Event()
        sampler = threading.Thread(target=_sample, args=(process.pid, peak, done))
        sampler.start()
        try:
            code = process.wait()
        finally:
            process.kill()
            done.set()
            sampler.join()
        if code:
            raise Failed(_last_lines(errors))
        printed.seek(0)
        return printed.read(), peak[0] / 1024 or None


def _sample(session, peak, done):
    while not done.wait(SAMPLED_EVERY):
        peak[0] = max(peak[0], session_kib(session))


def session_kib(session):
    """Return the memory of all processes of a session now, in KiB.

    It is the proportional set size: a page that forked processes share counts once.
    """
    total = 0
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            fields = (process / "stat").read_text().rpartition(")")[2].split()
            if int(fields[3]) == session:
                lines = (process / "smaps_rollup").read_text().splitlines()
                total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
        except (OSError, IndexError):  # it has ended meanwhile
            continue
    return total


def _last_lines(file, count=15):
    file.seek(0)
    return "\n".join(file.read().splitlines()[-count:])
