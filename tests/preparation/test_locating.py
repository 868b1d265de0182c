"""Images are found by the ends of their paths, uniquely, and never another patient's."""

import pytest

from simclr_med.errors import InputError
from simclr_med.preparation.image_lookup import locate
from simclr_med.preparation.source_files import walk


def tree(folder, *files):
    for name in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")
    return folder


@pytest.mark.parametrize(
    ("files", "names"),
    [
        (["a.png", "b.png"], [r"C:\data\images\a.png", r"C:\data\images\b.png"]),
        (["images/a.png"], [r"\\server\share\images\a.png"]),
        (["img/a.png", "img/b.png"], ["/home/anna/a.png", "/home/anna/b.png"]),
        (["images/a.png"], ["dataset/images/a.png"]),
        (["x y/a ü.png"], ["x%20y/a%20%C3%BC.png"]),
        (["x/a.png"], ["file:///mnt/x/a.png"]),
        (["x/a.png"], ["./x//a.png"]),
        (["A.PNG", "b.png"], ["a.png", "B.png"]),
        (["u\u0308.png"], ["\u00fc.png"]),
        (["part_1/a.jpg", "part_2/b.png"], ["a", "b"]),
        (["a.png"], ["a.dcm"]),
        (["all/a.png", "all/b.png"], ["part_1/a.png", "part_2/b.png"]),
        (["1/a.png", "2/a.png"], ["old/1/a.png", "old/2/a.png"]),
        (["1.2.840.png"], ["1.2.840"]),
    ],
)
def test_a_name_finds_its_file(files, names, tmp_path):
    assert locate(tree(tmp_path, *files), names, []) == files


def test_a_path_from_above_or_from_the_root_means_the_file_it_names(tmp_path):
    folder = tree(tmp_path / "mine", "a.png", "sub/a.png")
    names = ["mine/a.png", str(folder / "sub" / "a.png"), "sub/a.png"]
    notes = []
    assert locate(folder, names, notes) == ["a.png", "sub/a.png", "sub/a.png"] and not notes


def test_a_missing_image_is_not_taken_from_another_patient(tmp_path):
    folder = tree(tmp_path, "p1/v1.png", "p1/v2.png", "p9/v1.png")
    assert locate(folder, ["p1/v1.png", "p3/v2.png"], []) == ["p1/v1.png", "p3/v2.png"]
    foreign = ["d/p1/v1.png", "d/p3/v2.png", "d/p9/v1.png", "d/p1/v2.png"]
    assert locate(folder, foreign, []) == ["p1/v1.png", "d/p3/v2.png", "p9/v1.png", "p1/v2.png"]


def test_two_files_that_fit_are_both_named(tmp_path):
    folder = tree(tmp_path, "a/x.png", "b/x.png", "A.png", "a.PNG")
    with pytest.raises(InputError, match="two images fit 'x.png': a/x.png and b/x.png"):
        locate(folder, ["x.png"], [])
    with pytest.raises(InputError, match=r"two images fit 'a.png': A.png and a.PNG"):
        locate(folder, ["a.png"], [])
    assert locate(folder, ["old/b/x.png"], []) == ["b/x.png"]


def test_what_was_taken_for_what_is_said_once(tmp_path):
    notes = []
    locate(tree(tmp_path, "b2/1.png", "b3/2.png", "b3/3.png"),
           ["v/train/1.png", "v/train/2.png", "v/train/3.PNG"], notes)  # fmt: skip
    assert notes == [
        "2 images: 'v/train' in the table was taken for 'b3' on disk.",
        "1 images: 'v/train' in the table was taken for 'b2' on disk.",
        "1 images have names that differ from the table's in capitals, signs or suffix, such as "
        "'b3/3.png' for 'v/train/3.PNG'.",
    ]


def test_folders_that_are_links_are_walked_and_cycles_are_not(tmp_path):
    tree(tmp_path, "in/a/x.png", "in/.hidden/y.png", "store/z.png")
    (tmp_path / "in" / "linked").symlink_to(tmp_path / "store")
    (tmp_path / "in" / "again").symlink_to(tmp_path / "in" / "a")
    (tmp_path / "in" / "a" / "up").symlink_to("..")
    (tmp_path / "in" / "gone").symlink_to("/nowhere")
    found = walk(tmp_path / "in")
    assert found.files == ["a/x.png", "again/x.png", "linked/z.png"]
    assert [*found.refused] == ["a/up", "again/up", "gone"]
