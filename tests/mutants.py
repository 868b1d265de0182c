"""Mutation testing of one module: change it in one place at a time, and see whether tests fail.

    python -m tests.mutants simclr_med/evaluation/metrics.py 30 0 tests/evaluation/test_metrics.py

30 of all changes, drawn by seed 0, are tried, each in a fork of the process that has collected the
tests. No file changes: a process that a test starts has the module as it is. What survives, and is
printed, changes nothing that was promised, or lacks a test. TensorFlow does not outlive a fork:
modules of tests must not compute with it where they are imported.
"""

import ast
import importlib
import linecache
import os
import pathlib
import random
import resource
import sys
import types

import pytest

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


def graft(old, new):
    """Give functions, and methods, that others have imported the code of their mutants."""
    if isinstance(old, types.FunctionType) and isinstance(new, types.FunctionType):
        for name in ("__code__", "__defaults__", "__kwdefaults__"):
            setattr(old, name, getattr(new, name))
    elif isinstance(old, type) and isinstance(new, type):
        for name in vars(old).keys() & vars(new).keys():
            graft(vars(old)[name], vars(new)[name])


class Plugin:
    """Of pytest: runs the collected tests on one mutant after the other."""

    def pytest_runtestloop(self, session):
        """Print what survives, and how many do."""
        tree = ast.parse(pathlib.Path(MODULE).read_text(encoding="utf-8"))
        found = [(node, *change) for node in places(tree) for change in changes(node)]
        drawn, survived = random.Random(SEED).sample(found, min(SAMPLE, len(found))), 0
        if not survives(session, ast.unparse(tree)):
            pytest.exit("the tests fail without a change", 1)
        for node, field, value in drawn:
            before, text = getattr(node, field), ast.unparse(node)
            setattr(node, field, value)
            if survives(session, ast.unparse(tree)):
                survived += 1
                print(f"{MODULE}:{node.lineno}: {text} -> {ast.unparse(node)}", flush=True)
            setattr(node, field, before)
        print(f"{survived} of {len(drawn)} mutants survived, of {len(found)} there are", flush=True)
        return True


def survives(session, code):
    """Return whether all tests pass with the module's code another; no loop is without end."""
    if child := os.fork():
        return os.waitpid(child, 0)[1] == 0
    try:
        resource.setrlimit(resource.RLIMIT_CPU, (120, 120))  # seconds of CPU
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        lines = code.splitlines(keepends=True)  # read by TensorFlow, which translates them
        linecache.cache["mutant"] = (len(code), None, lines, "mutant")
        module = importlib.import_module(MODULE.removesuffix(".py").replace("/", "."))
        before = vars(module).copy()
        exec(compile(code, "mutant", "exec"), vars(module))
        for name, old in before.items():
            if getattr(old, "__module__", None) == module.__name__:
                graft(old, vars(module)[name])
        for item, following in zip(session.items, [*session.items[1:], None], strict=True):
            if not session.testsfailed:
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        os._exit(session.testsfailed)
    finally:
        os._exit(1)


if __name__ == "__main__":
    MODULE, SAMPLE, SEED, *tests = sys.argv[1], *map(int, sys.argv[2:4]), *sys.argv[4:]
    sys.exit(pytest.main(["-s", "-pno:cacheprovider", "--hypothesis-seed=0", *tests], [Plugin()]))
