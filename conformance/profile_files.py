# SPDX-License-Identifier: Apache-2.0
"""Where profiles are, and what a profile that extends others comes to."""

from __future__ import annotations

from pathlib import Path

from attrs import evolve

from conformance import fields as read_as
from conformance.errors import UsageError, unknown
from conformance.located import Located, read

MOST_EXTENDS = 16
_OWN = ("name", "description")
"""What a profile never takes over from the one that it extends."""


def bundled() -> dict[str, Path]:
    """The profiles that come with the suite, by name: of the wheel, or of a source checkout."""
    package = Path(__file__).parent
    for folder in (package / "bundled_profiles", package.parent / "profiles"):
        if folder.is_dir():
            return {path.stem: path for path in sorted(folder.glob("*.yaml"))}
    return {}


def _is_path(text: str) -> bool:
    return "/" in text or "\\" in text or text.endswith((".yaml", ".yml"))


def find(name: str, *, where: str, folder: Path | None = None) -> Path:
    """The file that a name or a path means; a relative path starts at `folder`."""
    if _is_path(name):
        path = Path(name) if folder is None else folder / name
        if not path.is_file():
            problem = "is a folder, a file is needed" if path.is_dir() else "there is no such file"
            raise UsageError(f"profile {str(path)!r}: {problem}", where=where)
        return path
    known = bundled()
    if name not in known:
        if (Path(name) if folder is None else folder / name).is_file():
            raise UsageError(
                f"no bundled profile is called {name!r}", where=where, hint=f"write ./{name} for the file"
            )
        raise unknown("profile", name, known, where=where)
    return known[name]


def merged(path: Path, before: tuple[Path, ...] = ()) -> Located:
    """The content of a file over that of what it extends; `before` are the files on the way to it."""
    own = read(path)
    content = read_as.mapping(own)
    before = (*before, path.resolve())
    parent = content.get("extends")
    rest = evolve(own, value={key: value for key, value in content.items() if key != "extends"})
    if parent is None:
        return rest
    found = find(read_as.text(parent), where=parent.where, folder=path.parent)
    if found.resolve() in before:
        cycle = " -> ".join(str(file) for file in (*before, found.resolve()))
        raise parent.error(f"profiles extend each other: {cycle}")
    if len(before) >= MOST_EXTENDS:
        raise parent.error(f"more than {MOST_EXTENDS} profiles extend each other")
    inherited = merged(found, before)
    taken = {key: value for key, value in inherited.value.items() if key not in _OWN}
    return _over(evolve(inherited, value=taken), rest)


def _over(below: Located, above: Located) -> Located:
    if not isinstance(below.value, dict) or not isinstance(above.value, dict):
        return above
    merged = dict(below.value)
    for key, value in above.value.items():
        merged[key] = _over(merged[key], value) if key in merged else value
    return evolve(above, value=merged)
