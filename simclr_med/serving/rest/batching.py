"""Batching: requests that wait while TensorFlow is busy are answered together, by one thread.

    batcher = Batcher(exported.ask, most=64, waiting=32)
    future = batcher.submit(signature, inputs, size=3)
    batcher.close()  # answers those that wait

Nobody is made to wait for company: what came while the last batch ran is the next one.
"""

import collections
import concurrent.futures
import dataclasses
import threading
from collections.abc import Callable

import numpy as np

from simclr_med.serving.rest.limits import Refused


@dataclasses.dataclass(frozen=True, eq=False)
class _Waiting:
    signature: object
    inputs: dict
    size: int
    future: concurrent.futures.Future


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
            # One that was given up meanwhile costs nothing.
            wanted = [one for one in batch if one.future.set_running_or_notify_cancel()]
            if wanted:
                self._answer(wanted)

    def _next(self):
        """Return the requests of the next batch, of one signature; [] where all is done."""
        with self.changed:
            self.changed.wait_for(lambda: self.waiting or self.closed)
            if not self.waiting:
                return []
            batch = [self.waiting.popleft()]
            first, images = batch[0], batch[0].size
            for other in tuple(self.waiting) if first.signature.joins else ():
                if other.signature is first.signature and images + other.size <= self.most:
                    self.waiting.remove(other)
                    batch.append(other)
                    images += other.size
        return batch

    def _answer(self, batch):
        try:
            sizes = [one.size for one in batch]
            self.told(sum(sizes))
            inputs = {
                name: _joined([one.inputs[name] for one in batch]) for name in batch[0].inputs
            }
            outputs = self.ask(batch[0].signature, inputs)
        except Exception as error:
            if len(batch) == 1:
                batch[0].future.set_exception(error)
                return
            for one in batch:  # whose fault it was shows alone
                self._answer([one])
            return
        if len(batch) == 1:
            batch[0].future.set_result(outputs)  # of cases the rows are not those of images
            return
        ends = np.cumsum(sizes)
        for one, end in zip(batch, ends, strict=True):
            rows = slice(end - one.size, end)
            one.future.set_result({name: values[rows] for name, values in outputs.items()})


def _joined(parts):
    if isinstance(parts[0], list):
        return [value for part in parts for value in part]
    return np.concatenate(parts)
