"""What documents and docstrings name, modules, what is in them, files, is there."""

import ast
import re

from conftest import ROOT

from simclr_med.config.fields import Config

PACKAGE = ROOT / "simclr_med"
SOURCES = sorted(PACKAGE.rglob("*.py"))
TEXTS = [
    *sorted(ROOT.glob("*.md")),
    *sorted((ROOT / "docs").glob("*.md")),
    *(path for name in ("simclr_med", "tools", "benchmarks", "tests")
      for path in sorted((ROOT / name).rglob("*.py"))),
]  # fmt: skip
LIBRARIES = ("keras", "tf", "np")
NAME = re.compile(r"`(\w+(?:\.\w+)+)`")
FILE = re.compile(r"(?<![\w/.<>*-])((?:\w+/)+\w+\.(?:py|cfg))\b")
SUFFIXES = ("py", "txt", "md", "csv", "json", "png", "html", "cfg", "npz")


def module(path):
    """The parts of a module's name within the package."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return parts[:-1] if parts[-1] == "__init__" else parts


def defined(tree):
    """All names that are defined or imported below a node, those within classes too."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            names.add(node.attr)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            names.update(alias.asname or alias.name for alias in node.names)
    return names


TREES = {module(path): ast.parse(path.read_text(encoding="utf-8")) for path in SOURCES}
MODULES = {name: defined(tree) for name, tree in TREES.items()}
CLASSES = {
    node.name: defined(node)
    for tree in TREES.values()
    for node in tree.body
    if isinstance(node, ast.ClassDef)
}


def is_setting(parts):
    value = Config("pretrain", "work")
    for part in parts:
        value = getattr(value, part, None)
    return value is not None


def is_there(name):
    """Whether `name`, dotted, is something of ours, or begins with nothing of ours."""
    parts = tuple(name.removeprefix("simclr_med.").split("."))
    if parts[0] in LIBRARIES or parts[-1] in SUFFIXES:
        return True
    if parts[0] == "config" and is_setting(parts[1:]):
        return True
    if parts[0] in CLASSES:
        return len(parts) == 1 or parts[1] in CLASSES[parts[0]]
    ours = False
    for size in range(len(parts), 0, -1):
        for found, names in MODULES.items():
            if found[-size:] == parts[:size]:
                ours = True
                if size == len(parts) or parts[size] in names:
                    return True
    return not ours


def missing(text):
    """The names and the paths of files in a text that are not there."""
    names = [name for name in NAME.findall(text) if not is_there(name)]
    places = (ROOT, PACKAGE)  # a path within the package may leave its name out
    files = [path for path in FILE.findall(text) if not any((p / path).is_file() for p in places)]
    return names + files


def missing_imports(text):
    """What a module's text imports from the package, within functions too, that is not there."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("simclr_med"):
            parts = tuple(node.module.split(".")[1:])
            for name in (alias.name for alias in node.names):
                if (*parts, name) not in MODULES and name not in MODULES.get(parts, ()):
                    found.append(f"{node.module}.{name}")
    return found


def test_what_is_not_there_is_found():
    text = (
        "`augment.nothing`, `views.changing.change`, `Cases.nothing`, `Cases.paths`, `tf.nothing`"
    )
    assert missing(text) == ["augment.nothing", "Cases.nothing"]
    assert missing("`config.train.steps`, `config.train.nothing`") == ["config.train.nothing"]
    assert missing("views/augment.py, views/nothing.py, tools/compare.py") == ["views/nothing.py"]


def test_an_import_that_fails_is_found():
    text = "def late():\n    from simclr_med.data import nothing, manifest\n"
    assert missing_imports(text) == ["simclr_med.data.nothing"]
    assert missing_imports("from simclr_med.views.changing import change") == []


def test_what_modules_import_is_there():
    found = {
        str(path.relative_to(ROOT)): missing_imports(path.read_text(encoding="utf-8"))
        for path in TEXTS
        if path.suffix == ".py"
    }
    assert not {path: names for path, names in found.items() if names}


def test_what_texts_name_is_there():
    found = {path: missing(path.read_text(encoding="utf-8")) for path in TEXTS}
    del found[ROOT / "tests" / "test_names.py"]  # names what is not there
    assert not {str(path.relative_to(ROOT)): names for path, names in found.items() if names}
