"""Licences of the locked packages go with ours, and the page has them all."""

import importlib.metadata

import pytest

from tools import list_licences


def test_every_licence_goes_with_ours_and_is_on_the_page():
    found = {}
    for name in list_licences.locked():
        try:
            found[name] = list_licences.licence(name)
        except importlib.metadata.PackageNotFoundError:
            pytest.skip("the packages of the other stack are installed")
    assert len(found) > 50 and not list_licences.faults(found)
    assert list_licences.PAGE.read_text(encoding="utf-8") == list_licences.text(found)


@pytest.mark.parametrize("said", ["GPL-3.0", "LGPL", "AGPLv3", "", "CC BY-NC Non-Commercial", "?"])
def test_others_are_found(said):
    assert list_licences.faults({"a": said, "b": "MIT"}) == {"a": said}
