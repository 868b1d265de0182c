"""Names that Keras, KerasCV and TensorFlow keep to themselves are used in compat/ alone."""

import ast
import pathlib
import re
import subprocess
import sys

import keras
import keras_cv
import pytest

from simclr_med import compat

ROOT = pathlib.Path(__file__).resolve().parents[1]
FILES = sorted(
    path
    for folder in ("simclr_med", "tools", "benchmarks")
    for path in (ROOT / folder).rglob("*.py")
    if path.parent.name != "compat"
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
    legacy = getattr(keras.optimizers.legacy, "Optimizer", schedule)  # Keras 3 has none
    scaled = compat.loss_scaling(keras.optimizers.SGD())
    model = keras.Sequential([keras.Input([2]), keras.layers.Dense(1)])
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


def test_another_backend_is_refused_in_one_line():
    if compat.SlotOptimizer.__module__.endswith("keras2"):
        pytest.skip("Keras 2 has no other backend")
    code = "import keras; keras.config.backend = lambda: 'jax'; import simclr_med.compat"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    expected = "InputError: Keras computes with jax; expected KERAS_BACKEND=tensorflow"
    assert expected in done.stderr.splitlines()[-1]


def test_no_version_is_asked_for_elsewhere():
    asked = re.compile(r"\b(keras|tf|tensorflow|tensorflow_addons)\.(__)?version|VERSION_INFO")
    assert {str(p.relative_to(ROOT)) for p in FILES if asked.search(p.read_text())} == set()


def test_both_versions_of_keras_are_given_the_same_names():
    """`compat` names what it takes of either, so that one without it fails as it is imported."""
    text = (ROOT / "simclr_med" / "compat" / "__init__.py").read_text()
    taken = set(re.findall(r"= _stack\.(\w+)", text))
    for stack in ("keras2", "keras3"):
        tree = ast.parse((ROOT / "simclr_med" / "compat" / f"{stack}.py").read_text())
        bound = {node.name for node in tree.body if hasattr(node, "name")}
        for node in tree.body:
            if isinstance(node, ast.Assign):
                bound |= {target.id for target in node.targets}
            elif isinstance(node, ast.ImportFrom):
                bound |= {alias.asname or alias.name for alias in node.names}
        assert len(taken) > 15 and taken <= bound, (stack, taken - bound)
