"""Batching: requests that wait while TensorFlow is busy are answered together, by one thread.

    batcher = Batcher(exported.ask, most=64, waiting=32)
    future = batcher.submit(signature, inputs, size=3)
    batcher.close()  # answers those that wait

Nobody is made to wait for company: requests that came while the last batch ran are the next one. A
large request is answered in pieces, between which others have their turn, and which end where the
client has gone or its time is over.
"""

import collections
import concurrent.futures
import contextlib
import dataclasses
import threading
from collections.abc import Callable

import numpy as np

from simclr_med.serving.rest.limits import Refused

PIECE = 16  # images of a large request that are answered at a time


@dataclasses.dataclass(eq=False)
class _Waiting:
    """A request, and the part of it that is answered.

    Attributes:
      signature, inputs, size: as of `Batcher.submit`.
      future: of the outputs; it is cancelled where nobody waits any more.
      done: number of images that are answered.
      outputs: of each piece, in order.
    """

    signature: object
    inputs: dict
    size: int
    future: concurrent.futures.Future
    done: int = 0
    outputs: list = dataclasses.field(default_factory=list)

    @property
    def left(self):
        """Number of images without an answer."""
        return self.size - self.done

    def piece(self):
        """Number of images that are answered next."""
        return min(self.left, PIECE) if self.signature.joins else self.left

    def answered(self, outputs, count):
        """Take the outputs of the next `count` images; return True where they were the last."""
        self.outputs.append(outputs)
        self.done += count
        if self.left:
            return False
        whole = self.outputs[0]
        if len(self.outputs) > 1:
            whole = {n: np.concatenate([part[n] for part in self.outputs]) for n in whole}
        self._end(self.future.set_result, whole)
        return True

    def failed(self, error):
        """Give an error for an answer."""
        self._end(self.future.set_exception, error)

    @staticmethod
    def _end(told, value):
        with contextlib.suppress(concurrent.futures.InvalidStateError):  # given up meanwhile
            told(value)


class Batcher:
    """A bounded queue before one thread.

    Args:
      ask: (signature, inputs) to outputs, name to an array `[B, ...]`.
      most: images answered together, at most; a request of more is answered alone.
      waiting: requests that may wait.
      told: called with the number of images of each batch.
    """

    def __init__(
        self,
        ask: Callable,
        most: int,
        waiting: int,
        told: Callable[[int], None] = lambda images: None,
    ):
        self.ask, self.most, self.room, self.told = ask, most, waiting, told
        self.waiting, self.closed = collections.deque(), False
        self.changed = threading.Condition()
        self.thread = threading.Thread(target=self._run, name="tensorflow", daemon=True)
        self.thread.start()

    def submit(self, signature: object, inputs: dict, size: int) -> concurrent.futures.Future:
        """Return the `Future` of a request's outputs.

        Args:
          signature: with `joins`.
          inputs: name to an array or list of `size`.
          size: number of images.

        Raises:
          Refused: too many wait already.
        """
        with self.changed:
            if self.closed or len(self.waiting) >= self.room:
                raise Refused(503, f"{len(self.waiting)} requests wait already: try again later")
            request = _Waiting(signature, inputs, size, concurrent.futures.Future())
            self.waiting.append(request)
            self.changed.notify()
        return request.future

    def close(self) -> None:
        """Answer the requests that wait, and end the thread."""
        with self.changed:
            self.closed = True
            self.changed.notify()
        self.thread.join()

    def _run(self):
        while batch := self._next():
            for one in self._answer(batch):
                with self.changed:
                    self.waiting.append(one)  # behind those who came meanwhile

    def _next(self):
        """Return (request, images of it) of the next batch, of one signature; [] at the end."""
        with self.changed:
            while True:
                self.changed.wait_for(lambda: self.waiting or self.closed)
                if not self.waiting:
                    return []
                first = self.waiting.popleft()
                if not first.future.cancelled():
                    break
            batch, images = [(first, first.piece())], first.piece()
            for other in tuple(self.waiting) if first.signature.joins else ():
                fits = other.left <= PIECE and images + other.left <= self.most
                if other.signature is first.signature and fits:
                    self.waiting.remove(other)
                    if not other.future.cancelled():
                        batch.append((other, other.left))
                        images += other.left
        return batch

    def _answer(self, batch):
        """Answer a batch of (request, images of it); return the requests that are not done."""
        try:
            sizes = [count for _, count in batch]
            self.told(sum(sizes))
            rows = [slice(one.done, one.done + count) for one, count in batch]
            inputs = {
                name: _joined(
                    [one.inputs[name][part] for (one, _), part in zip(batch, rows, strict=True)]
                )
                for name in batch[0][0].inputs
            }
            outputs = self.ask(batch[0][0].signature, inputs)
        except Exception as error:
            if len(batch) == 1:
                batch[0][0].failed(error)
                return []
            # Alone it shows whose fault it was.
            return [left for one in batch for left in self._answer([one])]
        if len(batch) == 1:
            one, count = batch[0]  # of cases the rows are not those of images
            return [] if one.answered(outputs, count) else [one]
        ends = np.cumsum(sizes)
        return [
            one
            for (one, count), end in zip(batch, ends, strict=True)
            if not one.answered({n: v[end - count : end] for n, v in outputs.items()}, count)
        ]


def _joined(parts):
    if isinstance(parts[0], list):
        return [value for part in parts for value in part]
    return np.concatenate(parts)
