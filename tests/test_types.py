"""Types: what other packages call is annotated; mypy (make lint) holds the annotations."""

import ast
import functools

import pytest
from conftest import ROOT

import simclr_med

PACKAGE = ROOT / "simclr_med"
ROOMS = ("runs", "evaluation", "serving", "data/manifest.py")
CALLERS = [path for room in ("simclr_med", "tools") for path in (ROOT / room).rglob("*.py")]


def module_of(path):
    """The dotted name of a module's file."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@functools.cache
def used_by(path):
    """(module, name) of everything of the package that a file imports and uses."""
    tree, modules, found = ast.parse(path.read_text(encoding="utf-8")), {}, set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("simclr_med"):
            for alias in node.names:
                modules[alias.asname or alias.name] = f"{node.module}.{alias.name}"
                found.add((node.module, alias.name))
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            found.add((modules.get(node.value.id), node.attr))
    return found


def room_of(path):
    """The room of `ROOMS` that a file is in, or the file itself."""
    inside = path.relative_to(PACKAGE).as_posix()
    return inside.split("/")[0] if "/" in inside else inside


def asked_from_outside(path):
    """Names of a module that files of other rooms, or the package's own face, use."""
    module, room = module_of(path), room_of(path)
    others = (p for p in CALLERS if PACKAGE not in p.parents or room_of(p) != room)
    names = {name for other in others for where, name in used_by(other) if where == module}
    return names | {n for n, where in simclr_med._FROM.items() if f"simclr_med.{where}" == module}


def typed_functions(path):
    """Functions that others call, and methods of the classes that they use, by name."""
    asked = asked_from_outside(path)
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef) and node.name in asked:
            yield node.name, node
        if isinstance(node, ast.ClassDef) and node.name in asked:
            for method in node.body:
                if isinstance(method, ast.FunctionDef) and method.name == "__init__":
                    yield f"{node.name}.{method.name}", method


def without_types(function):
    """The parameters without a type, "return" where the result has none."""
    arguments = function.args
    listed = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    missing = [a.arg for a in listed if a.annotation is None and a.arg not in ("self", "cls")]
    return missing + ["return"] * (function.returns is None and function.name != "__init__")


FACE = {PACKAGE / f"{where.replace('.', '/')}.py" for where in simclr_med._FROM.values()}
TYPED = sorted(
    {p for room in ROOMS for p in [PACKAGE / room, *(PACKAGE / room).rglob("*.py")] if p.is_file()}
    | FACE
)


@pytest.mark.parametrize("path", TYPED, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_functions_that_others_call_have_types(path):
    found = {name: without_types(function) for name, function in typed_functions(path)}
    assert not {name: missing for name, missing in found.items() if missing}


def test_the_package_says_that_it_is_typed():
    assert (PACKAGE / "py.typed").is_file()
    assert asked_from_outside(PACKAGE / "runs" / "layout.py") >= {"checkpoint", "best"}
