"""Progress of a long task on stderr: a bar on a terminal, a line now and then elsewhere.

    with progress.shown("pretrain_simclr", "step", 300) as shown:
        shown.to(1)

A bar draws over itself; in a file, or in the output of a job, each drawing would stay.
"""

import sys
import time

import tqdm

FIRST_LINE = 15  # seconds
BETWEEN_LINES = 600  # seconds, at most


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
    return Bar if sys.stderr.isatty() else Lines


class Bar:
    """A bar on a terminal.

    Args:
      label, unit, total, done: see `shown`.
      ends: True where something of it stays at the end.
    """

    def __init__(self, label, unit, total, done=0, ends=True):
        self._bar = tqdm.tqdm(
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
