"""The command as a process: files of flags, output that fails, a folder that hides the package."""

import os
import shutil
import subprocess
import sys
import zipfile

import pytest
from conftest import ROOT

from simclr_med.command import compare
from simclr_med.config.flagfiles import expanded, expanded_at
from simclr_med.errors import InputError, run_main

COMMANDS = {
    "run": ["-m", "simclr_med.run", "--help"],
    "package": ["-m", "simclr_med", "--helpshort"],
    **{
        path.stem: [str(path), "--help"]
        for path in sorted((ROOT / "tools").glob("*.py"))
        if path.stem not in ("draw_packages", "list_licences", "write_api_types")  # developers'
    },
}
READERS = {"--flagfile=": expanded, "@": expanded_at}
ENCODINGS = ("utf-8", "utf-8-sig")


@pytest.mark.parametrize("name", COMMANDS)
def test_a_reader_that_has_gone_is_no_error(name):
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, *COMMANDS[name]], stdout=write, stderr=subprocess.PIPE, cwd=ROOT
    )
    os.close(write)
    assert done.returncode == 0 and not done.stderr


@pytest.mark.parametrize("name", COMMANDS)
def test_output_that_is_full_is_an_error_of_one_line(name):
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, *COMMANDS[name]], stdout=full, stderr=subprocess.PIPE, cwd=ROOT
        )
    # Python's argparse passes over what it cannot write of a help.
    assert done.returncode == len(done.stderr.splitlines()) <= 1
    assert done.stderr[:7] in (b"", b"error: ")


@pytest.mark.parametrize("code", [0, 1, 2, 143])
@pytest.mark.parametrize("leaves", [True, False])
def test_the_exit_code_stays_where_a_reader_has_gone_and_is_1_where_output_is_closed(code, leaves):
    left = f"sys.exit({code})" if leaves else "1"
    text = (
        "import sys\nfrom simclr_med.errors import run_main\n"
        f"def main():\n    print('a' * 10**5)\n    {left}\n    return {code}\n"
        "sys.exit(run_main(main))"
    )
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run([sys.executable, "-c", text], stdout=write, stderr=subprocess.PIPE)
    os.close(write)
    assert not done.stderr and done.returncode in (code, 0)
    closed = subprocess.run(
        ["sh", "-c", 'exec "$@" >&- 2>&-', "sh", sys.executable, "-c", text], cwd=ROOT
    )
    assert closed.returncode == 1  # nobody could read the output


def test_a_text_that_the_output_has_not_is_escaped(monkeypatch):
    text = (
        "import sys\nfrom simclr_med.errors import run_main\n"
        "sys.exit(run_main(lambda: print('ä\\udcff')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", text], capture_output=True, cwd=ROOT,
        env=os.environ | {"PYTHONIOENCODING": "ascii"},
    )  # fmt: skip
    assert done.returncode == 0 and done.stdout == b"\\xe4\\udcff\n"


def test_errors_have_their_codes(capsys):
    def broken():
        raise InputError("of mine")

    assert run_main(broken) == 2 and capsys.readouterr().err == "error: of mine\n"
    assert run_main(lambda: None) == 0


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("sign", READERS)
def test_a_file_of_flags_is_replaced_by_its_lines(sign, encoding, tmp_path):
    inner, outer = tmp_path / "inner", tmp_path / "ä.cfg"
    inner.write_bytes("--title=ü\r\n".encode(encoding))
    outer.write_text(f"# first\n\n--steps=5\n  {sign}{inner}\n--seed=1\n", encoding=encoding)
    found = READERS[sign](["--a=1", f"{sign}{outer}", "--b", "2"])
    assert found == ["--a=1", "--steps=5", "--title=ü", "--seed=1", "--b", "2"]


@pytest.mark.parametrize("sign", READERS)
@pytest.mark.parametrize("length", [1, 2, 3])
def test_a_file_of_flags_that_includes_itself_is_refused(length, sign, tmp_path):
    for number in range(length):
        other = tmp_path / "." / f"{(number + 1) % length}.cfg"
        (tmp_path / f"{number}.cfg").write_text(f"--steps=5\n{sign}{other}\n")
    with pytest.raises(InputError, match="includes itself: .*0.cfg -> "):
        READERS[sign]([f"{sign}{tmp_path / '0.cfg'}"])


@pytest.mark.parametrize("sign", READERS)
def test_what_is_no_file_of_flags_is_refused_by_name(sign, tmp_path):
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "latin").write_bytes("--title=ü".encode("latin-1"))
    (tmp_path / "wide").write_text("--title=a", encoding="utf-16")
    for name in ("fifo", "latin", "wide", "nowhere", "."):
        with pytest.raises(InputError, match=str(tmp_path)):
            READERS[sign]([f"{sign}{tmp_path / name}"])


def test_a_file_of_flags_may_be_given_in_two_words_and_twice(tmp_path):
    file = tmp_path / "a.cfg"
    file.write_text("--steps=5")
    both = expanded(["--flagfile", str(file), f"-flagfile={file}", "--flagfile=", "--", f"@{file}"])
    assert both == ["--steps=5", "--steps=5", "--", f"@{file}"]
    with pytest.raises(InputError, match="--flagfile is missing its file"):
        expanded(["--flagfile"])


def test_the_comparison_reads_its_files_so(tmp_path):
    file = tmp_path / "a.args"
    file.write_text("# mine\n--data_dir=d\n--work_dir=w\n--seeds=2\n", encoding="utf-8-sig")
    assert compare.parse([f"@{file}"]).seeds == "2"


def test_a_folder_that_hides_the_package_is_named(tmp_path):
    (tmp_path / "simclr_med").mkdir()
    code = f"""if True:
        import runpy, sys, types
        module = types.ModuleType("simclr_med")
        module.__path__ = [{str(tmp_path / "simclr_med")!r}, {str(ROOT / "simclr_med")!r}]
        sys.modules["simclr_med"] = module
        sys.argv = ["run", "--mode=report"]
        runpy.run_module("simclr_med.run", run_name="__main__")
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
    assert f"the folder {tmp_path / 'simclr_med'} hides the package in {ROOT}" in done.stderr


def test_an_editable_install_wins_over_a_folder_of_the_package_s_name(tmp_path):
    """Built as pip builds it; its .pth file is all that a site-packages folder gets."""
    pytest.importorskip("setuptools")
    clone, site = tmp_path / "simclr_med", tmp_path / "site"
    (clone / "simclr_med").mkdir(parents=True)
    site.mkdir()
    for name in ("setup.cfg", "pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, clone)
    (clone / "LICENSE").touch()
    (clone / "simclr_med" / "__init__.py").write_text("__version__ = '1'\n")
    build = "import setuptools.build_meta as b; b.build_editable('.')"
    done = subprocess.run([sys.executable, "-c", build], cwd=clone, capture_output=True, text=True)
    if "invalid command 'bdist_wheel'" in done.stderr or "No module named 'wheel'" in done.stderr:
        pytest.skip("an old setuptools without wheel")
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(next(clone.glob("*.whl"))) as wheel:
        wheel.extractall(site)
    code = f"import site; site.addsitedir({str(site)!r}); import simclr_med as s; print(s.__file__)"
    found = subprocess.run(
        [sys.executable, "-S", "-c", code], cwd=tmp_path, capture_output=True, text=True,
        env={name: text for name, text in os.environ.items() if name != "PYTHONPATH"},
    )  # fmt: skip
    assert found.stdout.strip() == str(clone / "simclr_med" / "__init__.py"), found.stderr
