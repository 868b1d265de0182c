"""What fails costs the others nothing, and stands in its place."""

import numpy as np
import pytest
import tensorflow as tf

from simclr_med.serving.bulk.in_order import in_order


@pytest.mark.parametrize(
    "bad", [(), (0,), (3, 4), (9,), (0, 1, 2, 3, 4, 5), tuple(range(10)), (5, 6, 7, 8, 9)]
)
@pytest.mark.parametrize("batch_size", [1, 3, 4, 20])
def test_each_stands_in_its_place(bad, batch_size):
    elements = tf.data.Dataset.from_tensor_slices((np.arange(10), np.isin(np.arange(10), bad)))

    def function(number, is_bad):
        with tf.control_dependencies([tf.debugging.assert_equal(is_bad, False)]):
            return tf.fill([2], number), tf.strings.as_string(number)

    otherwise = (np.array([-1, -1]), np.array(b"bad", object))
    batches = list(in_order(elements, function, otherwise, batch_size, at_once=4))
    assert all(0 < len(numbers) == len(texts) <= batch_size for numbers, texts in batches)
    numbers, texts = (np.concatenate(part) for part in zip(*batches, strict=True))
    expected = [-1 if i in bad else i for i in range(10)]
    np.testing.assert_array_equal(numbers, np.stack([expected, expected], 1))
    assert texts.tolist() == [b"bad" if i in bad else str(i).encode() for i in range(10)]


def test_of_nothing_there_is_nothing():
    elements = tf.data.Dataset.from_tensor_slices((np.zeros(0),))
    assert list(in_order(elements, lambda x: (x,), (np.zeros([]),), 4, at_once=2)) == []
