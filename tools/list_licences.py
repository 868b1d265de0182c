"""Writes docs/licences.md: the licence of each locked package, as its own metadata says it.

python tools/list_licences.py
"""

import importlib.metadata
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import tools.require_python  # noqa: F401, isort: skip

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "licences.md"
# Packages of other systems or Pythons, and one whose metadata says nothing: as their pages do.
KNOWN = {
    "colorama": "BSD", "exceptiongroup": "MIT", "importlib-resources": "Apache-2.0",
    "namex": "Apache-2.0",
}  # fmt: skip
# Licences that go with a program under Apache-2.0 that is installed beside the package.
ALLOWED = re.compile(
    r"Apache|BSD|MIT|ISC|Python Software Foundation|PSF|MPL|Mozilla|CNRI|Dual License|Unlicense"
)
REFUSED = re.compile(r"\b(A|L)?GPL|SSPL|Non-?Commercial|Proprietary|BUSL", re.IGNORECASE)
HEAD = """# Licences of the packages that are installed

`make demo` installs these, of requirements.lock, each under its own licence; none is part of this
package, which is under [Apache-2.0](../LICENSE). Written by `tools/list_licences.py` from the
packages' metadata.

| package | licence |
|---|---|
"""


def locked():
    """Return the names of the packages in requirements.lock."""
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    return sorted({name[1].lower() for line in lines if (name := re.match(r"([\w.-]+)==", line))})


def licence(name):
    """Return the licence of an installed package, "" where its metadata has none."""
    if name in KNOWN:
        return KNOWN[name]
    found = importlib.metadata.metadata(name)
    if expression := found.get("License-Expression"):
        return expression
    kinds = [kind for kind in found.get_all("Classifier") or [] if kind.startswith("License ::")]
    if kinds:
        return ", ".join(kind.rpartition(" :: ")[2] for kind in kinds)
    return (found.get("License") or "").strip().partition("\n")[0]


def faults(licences):
    """Return name -> licence of the packages whose licence does not go with ours, or is unknown."""
    return {
        name: said
        for name, said in licences.items()
        if REFUSED.search(said) or not ALLOWED.search(said)
    }


def text(licences):
    """Return the page."""
    return HEAD + "".join(f"| {name} | {said} |\n" for name, said in licences.items())


def main():
    """Write the page, or name the packages whose licence does not go with ours."""
    licences = {name: licence(name) for name in locked()}
    if wrong := faults(licences):
        sys.exit(f"error: licences that do not go with Apache-2.0: {wrong}")
    PAGE.write_text(text(licences), encoding="utf-8")


if __name__ == "__main__":
    main()
