# SPDX-License-Identifier: Apache-2.0
"""A container's own variables, and those of Services beside them."""

from __future__ import annotations

import pytest

from reference.objects import Container, EnvFromSource, EnvVar
from tests.environment.objects import config_map, from_key, from_map, outcomes, pod, service, variables

MAPS = (
    config_map("one", {"WEB_PORT": "one", "KEY": "$(A)"}),
    config_map("two", {"WEB_PORT": "two"}),
)


def _variables(*env: EnvVar, env_from: tuple[EnvFromSource, ...] = ()) -> dict[str, str]:
    container = Container("main", env=env, env_from=env_from)
    return variables(service("web"), of=pod(container), config_maps=MAPS)


@pytest.mark.parametrize("value", ["mine", ""])
def test_env_before_services(value: str) -> None:
    """`env` suppresses a Service's variable, with an empty value too (ENV-026, ENV-027)."""
    found = _variables(EnvVar("WEB_SERVICE_HOST", value))
    assert found["WEB_SERVICE_HOST"] == value
    assert found["WEB_SERVICE_PORT"] == "80"


def test_precedence() -> None:
    """A later `env` entry, an earlier one, a later source, an earlier one, a Service (ENV-028, ENV-029)."""
    one, two = from_map("one"), from_map("two")
    assert _variables()["WEB_PORT"] == "tcp://10.96.0.1:80"
    assert _variables(env_from=(one,))["WEB_PORT"] == "one"
    assert _variables(env_from=(one, two))["WEB_PORT"] == "two"
    first, second = EnvVar("WEB_PORT", "first"), EnvVar("WEB_PORT", "second")
    assert _variables(first, env_from=(one, two))["WEB_PORT"] == "first"
    assert _variables(first, second, env_from=(one,))["WEB_PORT"] == "second"
    assert _variables(second, from_key("WEB_PORT", "two", "WEB_PORT"))["WEB_PORT"] == "two"


def test_prefix() -> None:
    """A source's prefix is part of the name (ENV-028)."""
    found = _variables(env_from=(from_map("two", "MY_"),))
    assert found["MY_WEB_PORT"] == "two"
    assert found["WEB_PORT"] == "tcp://10.96.0.1:80"


@pytest.mark.parametrize(
    ("env", "env_from"),
    [
        ((from_key("WEB_PORT", "absent", "A", optional=True),), ()),
        ((from_key("WEB_PORT", "one", "ABSENT", optional=True),), ()),
        ((), (from_map("absent", optional=True),)),
    ],
)
def test_missing_and_optional(env: tuple[EnvVar, ...], env_from: tuple[EnvFromSource, ...]) -> None:
    """What is optional and missing leaves the Service's variable (ENV-030)."""
    assert _variables(*env, env_from=env_from)["WEB_PORT"] == "tcp://10.96.0.1:80"


@pytest.mark.parametrize(
    ("env", "env_from", "reason"),
    [
        ((from_key("A", "absent", "A"),), (), "configmap 'absent' not found"),
        ((from_key("A", "one", "ABSENT"),), (), "no key 'ABSENT' in configmap 'one'"),
        ((), (from_map("absent", optional=False),), "configmap 'absent' not found"),
    ],
)
def test_missing_and_needed(
    env: tuple[EnvVar, ...], env_from: tuple[EnvFromSource, ...], reason: str
) -> None:
    """What is needed and missing keeps the container from being created (ENV-030)."""
    container = Container("main", env=env, env_from=env_from)
    (only,) = outcomes(service("web"), of=pod(container), config_maps=MAPS)
    assert only.error == reason
    assert not only.variables


def test_config_map_of_another_namespace() -> None:
    """A ConfigMap is looked for in the pod's namespace alone."""
    container = Container("main", env_from=(from_map("elsewhere"),))
    (only,) = outcomes(of=pod(container), config_maps=())
    assert only.error is not None


def test_order_of_references() -> None:
    """A reference sees sources and earlier entries, then Services; a later entry not (ENV-EXP-001 to 004)."""
    found = _variables(
        EnvVar("FORWARD", "$(LATER)"),
        EnvVar("LATER", "later"),
        EnvVar("BACK", "$(LATER)"),
        EnvVar("HOST", "$(WEB_SERVICE_HOST)"),
        EnvVar("WEB_SERVICE_HOST", "$(WEB_SERVICE_HOST):x"),
        EnvVar("AGAIN", "$(WEB_SERVICE_HOST)"),
        EnvVar("OF_MAP", "$(WEB_PORT)"),
        env_from=(from_map("one"),),
    )
    assert found["FORWARD"] == "$(LATER)"
    assert found["BACK"] == "later"
    assert found["HOST"] == "10.96.0.1"
    assert found["WEB_SERVICE_HOST"] == found["AGAIN"] == "10.96.0.1:x"
    assert found["OF_MAP"] == "one"


def test_only_literal_values_are_expanded() -> None:
    """Values from ConfigMaps are verbatim, and what refers to them is not expanded again (ENV-EXP-013)."""
    found = _variables(
        EnvVar("A", "a"), from_key("B", "one", "KEY"), EnvVar("C", "$(B)"), env_from=(from_map("one"),)
    )
    assert found["KEY"] == found["B"] == found["C"] == "$(A)"
