"""Mutation testing of one module: change it in one place at a time, and see whether tests fail.

    python -m tests.mutants simclr_med/config/recipes.py 30 0 tests/views/test_augment.py

30 of all changes, drawn by seed 0, are tried, each in a fork of a process that has imported the
libraries and nothing of the project. No file changes: a process that a test starts has the module
as it is. What follows the seed is pytest's, `-k` too. What survives, and is printed, changes
nothing that was promised, or lacks a test.
"""

import ast
import importlib
import linecache
import os
import pathlib
import random
import resource
import sys
from importlib.machinery import SourceFileLoader

import pytest

import simclr_med  # noqa: F401  # before TensorFlow: it turns oneDNN on

# None computes where it is imported: TensorFlow's threads would not outlive a fork.
LIBRARIES = ("tensorflow", "keras", "keras_cv", "pandas", "scipy.stats", "sklearn", "hypothesis")
SECONDS = 60  # of CPU, that no loop is without end

PAIRS = [
    (ast.Lt, ast.LtE), (ast.Gt, ast.GtE), (ast.Eq, ast.NotEq), (ast.Is, ast.IsNot),
    (ast.In, ast.NotIn), (ast.And, ast.Or), (ast.Add, ast.Sub), (ast.Mult, ast.Div),
    (ast.LShift, ast.RShift), (ast.BitAnd, ast.BitOr),
]  # fmt: skip
OTHER = {one: other for pair in PAIRS for one, other in (pair, pair[::-1])}
OTHER |= dict.fromkeys((ast.FloorDiv, ast.Mod, ast.Pow, ast.MatMult), ast.Mult)
OTHER |= dict.fromkeys((ast.USub, ast.Not, ast.Invert), ast.UAdd)


def places(node):
    """Yield the nodes of a tree that may change: no messages of errors, and no decorators."""
    for child in ast.iter_child_nodes(node):
        apart = isinstance(child, ast.Raise | ast.JoinedStr)
        if not apart and child not in getattr(node, "decorator_list", ()):
            yield from (child, *places(child))


def changes(node):
    """Yield the fields of a node and what may stand there, a fault that one could have written."""
    match node:
        case ast.Compare(ops=ops):
            for i, op in enumerate(ops):
                yield "ops", [*ops[:i], OTHER[type(op)](), *ops[i + 1 :]]
        case ast.BinOp() | ast.BoolOp() | ast.AugAssign() | ast.UnaryOp() if type(node.op) in OTHER:
            yield "op", OTHER[type(node.op)]()
        case ast.Constant(value=bool(value)):
            yield "value", not value
        case ast.Constant(value=int(value)):
            yield from (("value", value + 1), ("value", value - 1))
        case ast.Constant(value=float(value)):
            yield from (("value", 2 * value or 0.5), ("value", value / 2 or -0.5))
        case ast.If() | ast.IfExp():
            yield from (("test", ast.Constant(True)), ("test", ast.Constant(False)))
        case ast.Return(value=ast.expr()) | ast.Expr(value=ast.Call()):
            yield "value", ast.Constant(None)
        case ast.Call(keywords=given):
            yield from (("keywords", [k for k in given if k is not left_out]) for left_out in given)
        case ast.Slice():
            yield from ((end, None) for end in ("lower", "upper") if getattr(node, end))


def main(file, sample, seed, *tests):
    """Print what survives, and how many do; return the exit code."""
    for name in LIBRARIES:
        importlib.import_module(name)
    tree = ast.parse(pathlib.Path(file).read_text(encoding="utf-8"))
    found = [(node, *change) for node in places(tree) for change in changes(node)]
    drawn = random.Random(int(seed)).sample(found, min(int(sample), len(found)))
    if not survives(file, ast.unparse(tree), tests):
        print("the tests fail without a change")
        return 1
    survived = 0
    for node, field, value in drawn:
        before, text = getattr(node, field), ast.unparse(node)
        setattr(node, field, value)
        if survives(file, ast.unparse(tree), tests):
            survived += 1
            print(f"{file}:{node.lineno}: {text} -> {ast.unparse(node)}", flush=True)
        setattr(node, field, before)
    print(f"{survived} of {len(drawn)} mutants survived, of {len(found)} there are", flush=True)
    return 0


def survives(file, code, tests):
    """Return whether all tests pass with the module of `file` from other code."""
    if child := os.fork():
        return os.waitpid(child, 0)[1] == 0
    failed = 1
    try:
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, 1)
        os.dup2(nothing, 2)
        lines = code.splitlines(keepends=True)  # read by TensorFlow, which translates them
        linecache.cache["mutant"] = (len(code), None, lines, "mutant")
        mutated, get_code = file.removesuffix(".py").replace("/", "."), SourceFileLoader.get_code

        def changed(loader, name):
            return compile(code, "mutant", "exec") if name == mutated else get_code(loader, name)

        SourceFileLoader.get_code = changed
        failed = pytest.main(["-xqpno:cacheprovider", "--hypothesis-seed=0", *tests])
    finally:
        os._exit(int(failed))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
