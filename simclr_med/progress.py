"""All that is printed: sentences, and the progress of a long task.

    progress.say("written: report.html")
    with progress.shown("pretrain_simclr", "step", 300) as shown:
        shown.to(1)

Progress is a bar on a terminal and in a notebook, and a line now and then elsewhere: in a file each
drawing of a bar would stay. The Python API prints nothing unless it is asked to: sentences then go
to the logger "simclr_med".
"""

import contextlib
import contextvars
import logging
import sys
import time
import warnings
from collections.abc import Iterator

import tqdm

FIRST_LINE = 15  # seconds
BETWEEN_LINES = 600  # seconds, at most
LOGGER = logging.getLogger("simclr_med")
_PRINTING = contextvars.ContextVar("printing", default=True)


@contextlib.contextmanager
def asked(printing: bool) -> Iterator[None]:
    """Print within the block, or print nothing."""
    before = _PRINTING.set(printing)
    try:
        yield
    finally:
        _PRINTING.reset(before)


def printing() -> bool:
    """Return true where sentences and progress are printed."""
    return _PRINTING.get()


def say(text: str) -> None:
    """Print a result on standard output."""
    if _PRINTING.get():
        print(text)
    else:
        LOGGER.info(text)


def note(text: str) -> None:
    """Print a note or a warning on standard error."""
    if _PRINTING.get():
        print(text, file=sys.stderr)
    else:
        LOGGER.warning(text) if text.startswith("warning") else LOGGER.info(text)


def beside(text: str) -> None:
    """Print a note on standard error, above a bar that may stand there."""
    if _PRINTING.get():
        tqdm.tqdm.write(text, file=sys.stderr)
    else:
        LOGGER.info(text)


def shown(label, unit, total=None, done=0):
    """Return a `Bar` where stderr is a terminal, and `Lines` elsewhere; its end stays to be seen.

    Args:
      label: name of the task.
      unit: of the count, in the singular.
      total: of the task, in units; None while it is unknown.
      done: units done already.
    """
    return _kind()(label, unit, total, done)


def shown_meanwhile(label, unit, total=None):
    """Return the same for a small task, or one whose end is told elsewhere: nothing of it stays."""
    return _kind()(label, unit, total, ends=False)


def followed(items, label, unit, total):
    """Yield `items`, and show their count meanwhile; see `shown`."""
    with shown_meanwhile(label, unit, total) as showing:
        for done, item in enumerate(items, 1):
            yield item
            showing.to(done)


def _kind():
    if not _PRINTING.get():
        return Nothing
    return Bar if sys.stderr.isatty() or _in_notebook() else Lines


def _in_notebook():
    return "ipykernel" in sys.modules


def _tqdm():
    """Return tqdm's class: in a notebook its widget, where ipywidgets are there."""
    if not _in_notebook():
        return tqdm.tqdm
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it says that they are not
        from tqdm import auto
    return auto.tqdm


class Bar:
    """A bar on a terminal.

    Args:
      label, unit, total, done: see `shown`.
      ends: True where something of it stays at the end.
    """

    def __init__(self, label, unit, total, done=0, ends=True):
        self._bar = _tqdm()(
            desc=label, unit=unit, total=total, initial=done, leave=ends, mininterval=0.5, delay=0.1
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def to(self, done, total=None, note=None):
        """Show `done`, where the last drawing is not too young.

        Args:
          done: units done by now.
          total: of the task, once it has become known.
          note: a function without arguments to a text that is shown beside it; called where it is.
        """
        self._bar.total = total or self._bar.total
        if self._bar.update(done - self._bar.n) and note:
            self._bar.set_postfix_str(note())

    def close(self, note=None):
        """End the bar; may be called twice."""
        if note and not self._bar.disable:
            self._bar.set_postfix_str(note())
        self._bar.close()


class Nothing:
    """No progress at all; methods as of `Bar`."""

    def __init__(self, label, unit, total, done=0, ends=True):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def to(self, done, total=None, note=None):
        """Show nothing."""

    def close(self, note=None):
        """Do nothing."""


class Lines:
    """A line after 15 seconds, then ever more seldom, and one at the end; arguments as of `Bar`.

    A task that ends sooner, and of which nothing stays, prints nothing.
    """

    def __init__(self, label, unit, total, done=0, ends=True):
        self.label, self.unit, self.total, self.ends = label, unit, total, ends
        self.begun = self.done = done
        self._first = None  # when the first came, which may have taken its time to start
        self._begin = time.monotonic()
        self._next = self._begin + FIRST_LINE

    __enter__, __exit__ = Bar.__enter__, Bar.__exit__

    def to(self, done, total=None, note=None):
        """Count, and tell where it is time; see `Bar.to`."""
        now = time.monotonic()
        self.done, self.total = done, total or self.total
        self._first = self._first or (now, done)
        if now < self._next:
            return
        gone = now - self._begin
        self._next = now + min(max(FIRST_LINE, gone / 4), BETWEEN_LINES)
        since, then = self._first
        left = ""
        if self.total and done > then:
            left = f", {_clock((self.total - done) * (now - since) / (done - then))} left"
        self._tell(note, f"{_clock(gone)} gone{left}")

    def close(self, note=None):
        """Print the final count; may be called twice."""
        if self.ends and self.done > self.begun:
            self._tell(note, f"in {_clock(time.monotonic() - self._begin)}")
        self.ends = False

    def _tell(self, note, when):
        of = f" of {self.total}" if self.total else ""
        parts = [f"{self.unit} {self.done}{of}", *([note()] if note else []), when]
        print(f"{self.label}: {', '.join(parts)}", file=sys.stderr, flush=True)


def _clock(seconds):
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
