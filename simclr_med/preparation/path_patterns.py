r"""Regular expressions that name cases and patients in paths, searched within a time limit.

    pattern = compiled(r"(?P<patient>p\d+)", "--path_pattern")
    matches = searched(pattern, ["p1/a.png"], "--path_pattern")

A pattern such as (a+)+$ takes time that doubles with every character of a path.
"""

import contextlib
import re
import signal
import threading

from simclr_med.errors import InputError

GROUPS = {"case", "patient"}
SECONDS, SECONDS_OF_A_PATH = 5.0, 0.001  # of the processor; a sound pattern takes microseconds


class _OutOfTime(Exception):
    pass


def compiled(text: str, flag: str) -> re.Pattern:
    """Return the pattern that a flag's text is, with a group `case` or `patient`.

    Raises:
      InputError: it is none.
    """
    try:
        pattern = re.compile(text)
    except (re.error, OverflowError, RecursionError) as error:
        raise InputError(f"{flag}={text}: is no regular expression: {error}") from None
    if not GROUPS & set(pattern.groupindex):
        raise InputError(f"{flag}={text}: has no group (?P<case>...) or (?P<patient>...)")
    return pattern


def searched(pattern: re.Pattern, paths: list[str], flag: str) -> list[re.Match | None]:
    """Return the pattern's first match in each path, None where it has none.

    Raises:
      InputError: the time limit passed; names the path at which it did.
    """
    found = []
    try:
        with _time_limit(SECONDS + SECONDS_OF_A_PATH * len(paths)):
            for path in paths:
                found.append(pattern.search(path))
    except _OutOfTime:
        raise InputError(
            f"{flag}={pattern.pattern}: takes too long to match {paths[len(found)]!r}; expected a "
            "pattern without a repetition inside a repetition, as (a+)+ has"
        ) from None
    return found


@contextlib.contextmanager
def _time_limit(seconds):
    """Raise `_OutOfTime` after so many seconds of the processor; Python's matcher heeds signals.

    They reach the main thread alone: in others there is no limit.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(*_):
        raise _OutOfTime

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
