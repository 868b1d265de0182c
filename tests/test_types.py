"""Types: what others call is annotated; mypy (make lint) holds the annotations."""

import ast

import pytest
from conftest import ROOT

import simclr_med

PACKAGE = ROOT / "simclr_med"
TYPED = [
    *(
        path
        for room in ("runs", "evaluation", "serving")
        for path in (PACKAGE / room).rglob("*.py")
    ),
    PACKAGE / "data" / "manifest.py",
    *(PACKAGE / f"{name.replace('.', '/')}.py" for name in set(simclr_med._FROM.values())),
]


def public_functions(tree):
    """Public functions of a module, and public methods of its public classes."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            yield node
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            for method in node.body:
                if isinstance(method, ast.FunctionDef) and (
                    method.name == "__init__" or not method.name.startswith("_")
                ):
                    yield method


def without_types(function):
    """The parameters without a type, "return" where the result has none."""
    arguments = function.args
    listed = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    missing = [a.arg for a in listed if a.annotation is None and a.arg not in ("self", "cls")]
    if function.returns is None and function.name != "__init__":
        missing.append("return")
    return missing


@pytest.mark.parametrize(
    "path", sorted(set(TYPED)), ids=lambda path: path.relative_to(PACKAGE).as_posix()
)
def test_public_functions_have_types(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = {f.name: without_types(f) for f in public_functions(tree)}
    assert not {name: missing for name, missing in found.items() if missing}


def test_the_package_says_that_it_is_typed():
    assert (PACKAGE / "py.typed").is_file()
