"""One thread answers what waits together: order, limits, whose fault it is, the end."""

import threading
from types import SimpleNamespace

import numpy as np
import pytest

from simclr_med.serving.rest.batching import Batcher
from simclr_med.serving.rest.limits import Refused

JOINED, ALONE = SimpleNamespace(joins=True), SimpleNamespace(joins=False)


class Model:
    """Doubles numbers, once it is let; notes what it was asked; refuses 13."""

    def __init__(self):
        self.free, self.asked = threading.Event(), []

    def __call__(self, signature, inputs):
        self.free.wait(10)
        self.asked.append(inputs["x"].tolist())
        if 13 in inputs["x"]:
            raise Refused(400, "13")
        return {"y": 2 * inputs["x"]}


@pytest.fixture
def model():
    return Model()


def submitted(batcher, *requests, signature=JOINED):
    return [batcher.submit(signature, {"x": np.array(r)}, len(r)) for r in requests]


def answers(futures):
    return [future.result(10)["y"].tolist() for future in futures]


def test_what_comes_meanwhile_is_answered_together_and_each_gets_its_own(model):
    told = []
    batcher = Batcher(model, most=4, waiting=9, told=told.append)
    first = submitted(batcher, [1])
    while batcher.waiting:  # until it is being answered
        pass
    futures = first + submitted(batcher, [2, 3], [4], [5, 6, 7], [8])
    futures += submitted(batcher, [9], [10], signature=ALONE)
    model.free.set()
    assert answers(futures) == [[2], [4, 6], [8], [10, 12, 14], [16], [18], [20]]
    # Of at most 4; one that still fits may overtake one that does not.
    assert model.asked == [[1], [2, 3, 4, 8], [5, 6, 7], [9], [10]]
    assert told == [1, 4, 3, 1, 1]
    batcher.close()


def test_one_that_fails_does_not_fail_the_others(model):
    batcher = Batcher(model, most=8, waiting=9)
    futures = submitted(batcher, [1])
    while batcher.waiting:
        pass
    futures += submitted(batcher, [2], [13], [3])
    model.free.set()
    assert answers(futures[:2] + futures[3:]) == [[2], [4], [6]]
    with pytest.raises(Refused, match="^13$"):
        futures[2].result(10)
    batcher.close()


def test_the_queue_is_bounded_and_what_was_given_up_costs_nothing(model):
    batcher = Batcher(model, most=1, waiting=2)
    first = submitted(batcher, [1])
    while batcher.waiting:
        pass
    waiting = submitted(batcher, [2], [3])
    with pytest.raises(Refused, match="2 requests wait already") as refused:
        submitted(batcher, [4])
    assert refused.value.status == 503
    assert waiting[0].cancel()
    model.free.set()
    assert answers(first + waiting[1:]) == [[2], [6]] and model.asked == [[1], [3]]
    batcher.close()


def test_the_end_answers_what_waits_and_takes_no_more(model):
    batcher = Batcher(model, most=8, waiting=9)
    futures = submitted(batcher, [1], [2])
    threading.Timer(0.1, model.free.set).start()
    batcher.close()
    assert all(future.done() for future in futures)
    with pytest.raises(Refused):
        submitted(batcher, [3])
