"""Functions become graphs as they are written."""

import re

import pytest
import tensorflow as tf
from conftest import ROOT

from simclr_med import distribute, graphs


def positive(x):
    return x if x > 0 else -x


def test_an_if_that_asks_a_tensor_is_not_rewritten():
    assert tf.function(positive)(tf.constant(-1.0)) == 1
    for jit_compile in (False, True):
        compiled = distribute.compiled(positive, tf.distribute.get_strategy(), jit_compile)
        with pytest.raises(tf.errors.OperatorNotAllowedInGraphError):
            compiled(tf.constant(-1.0))


def test_nor_in_what_tf_data_traces():
    numbers = tf.data.Dataset.range(3)
    assert [*numbers.map(positive)] == [0, 1, 2]
    with pytest.raises(tf.errors.OperatorNotAllowedInGraphError):
        graphs.as_written(numbers.map)(positive)


def test_nothing_else_asks_for_autograph():
    """It is asked for anew by each tf.function that does not say otherwise."""
    here = {path.name: path.read_text() for path in (ROOT / "simclr_med").rglob("*.py")}
    asking = {name for name, text in here.items() if re.search(r"(?<!`)tf\.function\(?\b", text)}
    assert asking == {"graphs.py", "quiet.py", "keras_cv_layers.py"}
