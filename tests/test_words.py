"""Words: docstrings and help texts begin with the noun or the verb, and name the field's term."""

import ast
import re

import pytest
from conftest import ROOT

from simclr_med.config.fields import FIELDS

OPENING = re.compile(r"(what|how|whether|which|where|who|whose|why)\b", re.IGNORECASE)
WHAT = re.compile(r"\bwhat\b", re.IGNORECASE)
SOURCES = sorted(
    path for room in ("simclr_med", "tools", "benchmarks") for path in (ROOT / room).rglob("*.py")
)


def first_lines(path):
    """The first line of each docstring of a module, with where it stands."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)):
            text = ast.get_docstring(node)
            if text:
                yield getattr(node, "name", path.stem), text.splitlines()[0]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_docstring_begins_with_its_subject_or_verb(path):
    found = {
        name: line for name, line in first_lines(path) if OPENING.match(line) or WHAT.search(line)
    }
    assert not found


@pytest.mark.parametrize("name", sorted(FIELDS))
def test_a_setting_s_help_is_a_short_sentence_in_the_field_s_terms(name):
    text = FIELDS[name][1].metadata["help"]
    assert text[0].isupper() and not text.endswith(".")
    assert not OPENING.match(text) and not WHAT.search(text)
    assert len(text) <= 200


def options(path):
    """The help of each option of a command line that is made by argparse."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "add_argument":
            for keyword in node.keywords:
                if keyword.arg == "help" and isinstance(keyword.value, ast.Constant):
                    yield ast.unparse(node.args[0]), keyword.value.value


@pytest.mark.parametrize(
    "path", sorted((ROOT / "simclr_med" / "command").glob("*.py")), ids=lambda path: path.stem
)
def test_an_option_s_help_says_no_what(path):
    assert not {name: text for name, text in options(path) if text and WHAT.search(str(text))}
