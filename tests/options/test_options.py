# SPDX-License-Identifier: Apache-2.0
"""Options: one precedence, and errors that say what to do."""

from __future__ import annotations

import pytest

from conformance.errors import UsageError, closest, unknown
from conformance.options import OPTIONS, settle


def test_every_option_has_a_value_without_any_source() -> None:
    """The defaults alone make a run: the reference, the standard profile, seed 0."""
    settings = settle({}, environment={})
    assert settings["adapter"] == "reference"
    assert settings["profile"] == "standard"
    assert settings.seed(lambda: 1) == 0
    assert settings.clusters is None
    assert {entry.origin for entry in settings.entries} == {"default"}


@pytest.mark.parametrize(
    ("command_line", "environment", "ini", "value", "origin"),
    [
        ("a", "b", "c", "a", "command line"),
        (None, "b", "c", "b", "environment KUBE_SERVICE_CONFORMANCE_PROFILE"),
        (None, None, "c", "c", "ini conformance_profile"),
        (None, None, None, "standard", "default"),
    ],
)
def test_precedence(
    command_line: str | None, environment: str | None, ini: str | None, value: str, origin: str
) -> None:
    """Command line before environment before ini before default, and the origin is told."""
    settings = settle(
        {"profile": command_line},
        environment={"KUBE_SERVICE_CONFORMANCE_PROFILE": environment} if environment else {},
        ini=lambda option: ini if option.name == "profile" else None,
    )
    assert settings["profile"] == value
    assert next(entry for entry in settings.entries if entry.option.name == "profile").origin == origin


def test_an_empty_variable_switches_a_file_off() -> None:
    """An option that is set to nothing on purpose does not fall back to its default."""
    settings = settle({}, environment={"KUBE_SERVICE_CONFORMANCE_REPORT": ""})
    assert settings["report"] == ""


def test_many_values_from_the_environment_are_separated_by_blanks() -> None:
    """An option that may be given several times takes several values from one variable."""
    settings = settle({}, environment={"KUBE_SERVICE_CONFORMANCE_MANIFESTS": "a.yaml b.yaml"})
    assert settings.many("manifests") == ("a.yaml", "b.yaml")


@pytest.mark.parametrize("text", ["-1", "1.5", "one", "", "9" * 30, "٣"])
def test_a_seed_that_is_no_number_is_refused(text: str) -> None:
    """A seed is a whole number or `random`; anything else says so."""
    settings = settle({"seed": text or " "}, environment={})
    with pytest.raises(UsageError, match="seed"):
        settings.seed(lambda: 7)


def test_a_random_seed_is_drawn_by_the_caller() -> None:
    """`random` takes the caller's number, which is then printed and stored."""
    assert settle({"seed": "random"}, environment={}).seed(lambda: 7) == 7


def test_names_do_not_collide() -> None:
    """Each option has its own pytest option, ini key and variable."""
    for names in zip(*((o.name, o.pytest_option, o.ini, o.variable) for o in OPTIONS), strict=True):
        assert len(set(names)) == len(OPTIONS)


def test_the_closest_name_is_offered() -> None:
    """An unknown name gets the closest known one; far ones get the list."""
    assert closest("standrad", ["standard", "quick"]) == "did you mean 'standard'?"
    assert closest("xyz", ["standard", "quick"]) == "known: quick, standard"
    error = unknown("profile", "quik", ["standard", "quick"], where="option profile")
    assert str(error) == "option profile: unknown profile 'quik' (did you mean 'quick'?)"
