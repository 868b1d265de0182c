"""What lies at a path: files, folders, pipes, nothing, and names that can be none."""

import os

import pytest

from simclr_med.errors import InputError
from simclr_med.files import paths

LATIN_1 = b"\xff".decode("utf-8", "surrogateescape")
READ = (paths.file_to_read, paths.folder_to_read, paths.to_read)
WRITE = (paths.file_to_write, paths.folder_to_write, paths.new_folder)


@pytest.fixture()
def there(tmp_path):
    """A path of each kind."""
    (tmp_path / "file").write_text("text")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "ring").symlink_to("ring")
    return tmp_path


@pytest.mark.parametrize(
    ("asked", "taken"),
    [
        (paths.file_to_read, {"file", "link"}),
        (paths.folder_to_read, {"folder"}),
        (paths.to_read, {"file", "link", "folder"}),
        (paths.file_to_write, {"file", "link", "dangling", "new", "new/below"}),
        (paths.folder_to_write, {"folder", "dangling", "new", "new/below"}),
        (paths.new_folder, {"new", "new/below"}),
    ],
)
def test_each_takes_what_belongs_there(asked, taken, there):
    names = ("file", "folder", "pipe", "link", "dangling", "ring", "new", "new/below", "file/below")
    for name in names:
        if name in taken:
            assert asked(there / name, "--flag") == there / name
        else:
            with pytest.raises(InputError, match=f"^--flag={there / name}"):
                asked(there / name, "--flag")
    with pytest.raises(InputError, match="^/dev/null"):
        asked("/dev/null")


@pytest.mark.parametrize("asked", [*READ, *WRITE])
@pytest.mark.parametrize(
    "name", ["x" * 256, "ä" * 128, "a\0b", LATIN_1, "/".join(["y" * 200] * 21)]
)
def test_a_name_that_can_be_none_is_told(asked, name, tmp_path):
    with pytest.raises(InputError) as caught:
        asked(tmp_path / name)
    assert str(caught.value).encode("utf-8")  # it can be printed


@pytest.mark.parametrize("asked", [*READ, *WRITE])
def test_a_tilde_that_the_shell_left_makes_no_folder_of_that_name(asked, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"^--flag=~/runs/a: .* write \$HOME$"):
        asked("~/runs/a", "--flag")


def test_what_is_made_has_room_for_what_is_written_beside_it(tmp_path):
    paths.new_folder(tmp_path / ("x" * 230))
    with pytest.raises(InputError, match="231 bytes; expected at most 230"):
        paths.new_folder(tmp_path / ("x" * 231))


def test_an_equals_sign_may_stand_in_a_name_and_in_a_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lr=0.1").mkdir()
    (tmp_path / "lr=0.1" / "a.csv").write_text("")
    expected = {
        "lr=0.1/a.csv": ("", "lr=0.1/a.csv"),
        "A=lr=0.1/a.csv": ("A", "lr=0.1/a.csv"),
        "x=1=lr=0.1": ("x=1", "lr=0.1"),
        "A=lr=0.1/a.csv,lr=0.1/b.csv": ("A", "lr=0.1/a.csv,lr=0.1/b.csv"),
        "x=1=nowhere": ("x=1", "nowhere"),
        "nowhere": ("", "nowhere"),
        "A=": ("A", ""),
    }
    assert {text: paths.name_and_path(text) for text in expected} == expected


def test_what_would_be_read_again_is_refused(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path)
    for inside in (tmp_path, tmp_path / "a" / "b", tmp_path / "link" / "c"):
        with pytest.raises(InputError, match="--output=.* lies inside --input="):
            paths.refuse_inside(inside, "--output", tmp_path, "--input")
    paths.refuse_inside(tmp_path.parent / "beside", "--output", tmp_path, "--input")
