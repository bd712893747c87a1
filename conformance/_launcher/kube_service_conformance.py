# SPDX-License-Identifier: Apache-2.0
"""The way in: the command's entry point, and the pytest plugin that every pytest run loads.

It is a top-level module of its own, so that it is found even where a folder
named `conformance` or `reference` shadows ours, and can say so.  It imports
nothing heavy.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

_NEEDED = {"conformance": "pytest_plugin.py", "reference": "questions.py"}


def shadowed() -> str | None:
    """What stands where our packages are expected, or None if they are ours."""
    for name, file in _NEEDED.items():
        try:
            spec = find_spec(name)
        except (ImportError, ValueError):
            spec = None
        places = list(spec.submodule_search_locations or []) if spec else []
        if not any((Path(place) / file).is_file() for place in places):
            found = places[0] if places else (spec.origin if spec else None)
            return (
                f"the package {name!r} of kube-service-conformance is shadowed by {found}: "
                "start from another folder, or rename yours"
                if found
                else f"the package {name!r} of kube-service-conformance is not installed"
            )
    return None


def main() -> None:
    """The command `kube-service-conformance`."""
    problem = shadowed()
    if problem:
        print(f"error: {problem}", file=sys.stderr)
        raise SystemExit(2)
    from conformance.cli import main as run

    run()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Register the options; the rest is loaded when it is needed."""
    if shadowed() is None:
        from conformance.pytest_plugin import add_options

        add_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    """Load the plugin proper where our tests are asked for."""
    import pytest

    asked = config.getoption("pyargs", False) and any(
        str(argument).split("::", 1)[0].split(".", 1)[0] == "conformance" for argument in config.args
    )
    problem = shadowed()
    if problem:
        if asked:
            raise pytest.UsageError(problem)
        return
    from conformance.pytest_plugin import ConformancePlugin

    config.pluginmanager.register(ConformancePlugin(config), "kube-service-conformance-run")


if __name__ == "__main__":
    main()
