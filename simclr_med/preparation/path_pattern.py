"""Names of cases and patients found in paths by a person's own regular expression, in bounded time.

found = search_all("(?P<patient>[^/]+)/", ["p1/a.png"])  # [{"patient": (0, 2)}]

Python's engine takes exponential time on some patterns, and then heeds nobody: it works in a
process of its own, which is stopped when its time is over.
"""

import json
import re
import subprocess
import sys

from simclr_med.errors import InputError

GROUPS = "case", "patient"
SECONDS, SECONDS_A_PATH = 10, 0.001  # a sound pattern takes some microseconds a path
WORK = """
import json, re, sys
pattern, groups, paths = json.load(sys.stdin)
pattern, groups = re.compile(pattern), set(groups)
for path in paths:
    found = pattern.search(path)
    spans = found and {name: found.span(name) for name in groups & set(pattern.groupindex)}
    sys.stdout.write(json.dumps(spans) + "\\n")
    sys.stdout.flush()
"""


def groups_of(text: str) -> set:
    """Return the names of the groups of `GROUPS` that a pattern has.

    Raises:
      InputError: it is no regular expression, or has none of them.
    """
    try:
        groups = set(GROUPS) & set(re.compile(text).groupindex)
    except (re.error, OverflowError, RecursionError, MemoryError) as error:
        raise InputError(f"--path_pattern={text}: is no regular expression: {error}") from None
    if not groups:
        raise InputError(f"--path_pattern={text}: has no group (?P<case>...) or (?P<patient>...)")
    return groups


def search_all(text: str, paths: list[str], seconds: float = SECONDS) -> list:
    """Return of each path where each group of a pattern lies, (start, end) by name; None of others.

    Args:
      text: a pattern of `groups_of`.
      paths: texts.
      seconds: that the search may take, with SECONDS_A_PATH more for each path.

    Raises:
      InputError: it takes longer; names the path at which it was.
    """
    work = [sys.executable, "-I", "-S", "-c", WORK]
    limit = seconds + SECONDS_A_PATH * len(paths)
    try:
        done = subprocess.run(
            work,
            input=json.dumps([text, GROUPS, paths]).encode(),
            capture_output=True,
            timeout=limit,
        )
    except subprocess.TimeoutExpired as error:
        number = (error.stdout or b"").count(b"\n")
        raise InputError(
            f"--path_pattern={text}: takes more than {limit:.0f} s, at "
            f"{paths[min(number, len(paths) - 1)]!r}; a group repeated within a repetition, as in "
            "(a+)+, takes exponential time: write it without"
        ) from None
    if done.returncode:
        reason = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
        raise InputError(f"--path_pattern={text}: cannot be searched: {' '.join(reason)}")
    return [json.loads(line) for line in done.stdout.splitlines()]
