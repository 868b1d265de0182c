"""A work folder's file names are spelt in one module; numbers of folders are what we write."""

import ast

import pytest
from conftest import ROOT

from simclr_med.config import storage
from simclr_med.runs import layout

OWNERS = {"runs/layout.py", "config/storage.py"}  # config.json is written below runs
# Words that flags and columns have too, and are no file's name there.
WORDS = {layout.BEST, layout.CHOSEN, layout.FEATURES, layout.PREDICTIONS, layout.GRADCAM}
# Other folders have a lock, and a list of what they passed over, of their own.
WORDS |= {layout.SETTINGS, layout.SKIPPED, layout.LOCK}
NAMES = {
    value
    for name, value in vars(layout).items()
    if name.isupper() and isinstance(value, str) and value not in WORDS
}


def spelt(path):
    """The names among a module's texts, docstrings aside, as parts of paths."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    docs = {
        node.body[0].value
        for node in ast.walk(tree)
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef))
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    texts = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in docs
    ]
    return NAMES & {part for text in texts for part in text.split("/")}


def test_a_file_name_is_spelt_in_the_layout_alone():
    assert {"config.json", "checkpoints", "log.csv", "task.json"} <= NAMES
    package = ROOT / "simclr_med"
    modules = {str(p.relative_to(package)): p for p in package.rglob("*.py")}
    modules |= {f"tools/{path.name}": path for path in (ROOT / "tools").glob("*.py")}
    found = {name: spelt(path) for name, path in modules.items() if name not in OWNERS}
    for others in ("keras_files", "safetensors_file"):  # their own config.json
        found.pop(f"encoders/importers/{others}.py")
    assert not {name: texts for name, texts in found.items() if texts}


def test_the_text_that_spells_a_name_is_found(tmp_path):
    text = '"""log.csv"""\nfile = "work/config.json"\nother = "a log.csv"\n'
    (tmp_path / "a.py").write_text(text)
    assert spelt(tmp_path / "a.py") == {storage.FILE}


def test_numbers_are_those_that_we_write(tmp_path):
    for name in ("200", "7", "0", "007", "²", "٣", "1e3", "-1", "+1", "4.damaged", ".5.1.tmp"):
        (tmp_path / name).mkdir()
    assert layout.numbered(tmp_path) == [0, 7, 200]
    assert layout.numbered(tmp_path / "nowhere") == []


@pytest.mark.parametrize("name", ["run [v1]", "a*b", "c?", "d\\e"])
def test_signs_of_glob_in_a_folder_are_taken_as_they_are(name, tmp_path):
    folder = tmp_path / name
    layout.checkpoint(folder, 3).mkdir(parents=True)
    chosen = folder / layout.CHOSEN / "a"
    chosen.mkdir(parents=True)
    (chosen / layout.CONFIG).write_text("{}")
    assert layout.numbered(folder / layout.CHECKPOINTS) == [3]
    assert layout.chosen_runs(folder) == [chosen] and layout.holds_run(chosen)
