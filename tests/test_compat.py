"""Names that Keras, KerasCV and TensorFlow keep to themselves are used in compat.py alone."""

import ast
import pathlib

import keras
import keras_cv
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
FILES = sorted(
    path
    for folder in ("simclr_med", "tools", "benchmarks")
    for path in (ROOT / folder).rglob("*.py")
    if path.name != "compat.py"
)
DOCUMENTED = {"_exit"}  # of os


def is_private(name):
    return name.startswith("_") and not name.endswith("__")


def defined_in(tree):
    """Return the private names that a module gives to functions, classes, variables, attributes."""
    names = {node.name for node in ast.walk(tree) if hasattr(node, "name")}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
            names.add(node.id if isinstance(node, ast.Name) else node.attr)
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.add(node.target.id)
    return names


@pytest.fixture(scope="module")
def of_libraries():
    """Private names of objects that our classes derive from, or are handed."""
    schedule = keras.optimizers.schedules.LearningRateSchedule
    legacy = keras.optimizers.legacy.Optimizer
    scaled = keras.mixed_precision.LossScaleOptimizer(keras.optimizers.SGD())
    model = keras.Sequential([keras.layers.Dense(1, input_shape=[2])])
    model.compile("sgd")
    made = [model, model.layers[0], model.optimizer, scaled, keras_cv.layers.RandomFlip(), legacy]
    return {name for each in [*made, schedule, keras.callbacks.Callback] for name in dir(each)}


def foreign(text, of_libraries):
    tree = ast.parse(text)
    own = (defined_in(tree) - of_libraries) | DOCUMENTED
    used = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    return sorted(name for name in used if is_private(name) and name not in own)


def test_no_private_name_of_a_library_is_used(of_libraries):
    used = {str(path.relative_to(ROOT)): foreign(path.read_text(), of_libraries) for path in FILES}
    assert len(used) > 50 and {path: names for path, names in used.items() if names} == {}


@pytest.mark.parametrize(
    "text",
    [
        "index = self._index_dict[self._var_key(variable)]",
        "self._learning_rate = self._build_learning_rate(rate)",
        "self._random_generator = mine",  # also where it is assigned
        "scale = optimizer._loss_scale",
        "layers = model._flatten_layers()",
    ],
)
def test_a_private_name_is_seen(text, of_libraries):
    assert foreign(text, of_libraries)
    assert foreign("class A:\n    def __init__(self):\n        self._mine = 1", of_libraries) == []
