# SPDX-License-Identifier: Apache-2.0
"""A container's own variables, and how they go with those of the Services.

Source: `pkg/kubelet/kubelet_pods.go`, `makeEnvironmentVariables`.
"""

from __future__ import annotations

from collections.abc import Mapping

from reference.environment.expansion import expand
from reference.frozenmap import FrozenMap
from reference.objects import ConfigMap, Container, EnvVar
from reference.questions import Environment

ConfigMaps = Mapping[str, ConfigMap]
"""The ConfigMaps of the pod's namespace by name."""


class Unavailable(Exception):
    """A ConfigMap or a key of one that the container cannot be created without (ENV-030)."""


def from_config_maps(container: Container, config_maps: ConfigMaps) -> dict[str, str]:
    """What `envFrom` gives: each key with its source's prefix, verbatim, a later source first.

    ENV-028, ENV-029, ENV-030, ENV-EXP-013.
    """
    variables: dict[str, str] = {}
    references = [
        (source.prefix, source.config_map_ref) for source in container.env_from if source.config_map_ref
    ]
    for prefix, reference in references:
        found = config_maps.get(reference.name)
        if found is not None:
            variables.update((prefix + key, value) for key, value in found.data.items())
        elif not reference.optional:
            raise Unavailable(f"configmap {reference.name!r} not found")
    return variables


def value_of(
    variable: EnvVar, config_maps: ConfigMaps, before: Mapping[str, str], services: Mapping[str, str]
) -> str | None:
    """The value of one `env` entry; None where an optional source is missing (ENV-030, ENV-033).

    A literal value is expanded, first from what was defined before it and then from
    the Services' variables (ENV-EXP-001 to ENV-EXP-004); no other is (ENV-EXP-013).
    """
    source = variable.value_from.config_map_key_ref if variable.value_from else None
    if variable.value or source is None:
        return expand(variable.value, before, services)
    found = config_maps.get(source.name)
    if found is None and not source.optional:
        raise Unavailable(f"configmap {source.name!r} not found")
    value: str | None = found.data.get(source.key) if found is not None else None
    if value is None and not source.optional:
        raise Unavailable(f"no key {source.key!r} in configmap {source.name!r}")
    return value


def own_variables(
    container: Container, config_maps: ConfigMaps, services: Mapping[str, str]
) -> dict[str, str]:
    """What the container defines itself: `envFrom`, and then `env` in its order.

    ENV-029, ENV-EXP-002.
    """
    own = from_config_maps(container, config_maps)
    for variable in container.env:
        value = value_of(variable, config_maps, own, services)
        if value is not None:
            own[variable.name] = value
    return own


def assemble(container: Container, config_maps: ConfigMaps, services: Mapping[str, str]) -> Environment:
    """All variables of a container: its own, and of the Services' those that it does not define.

    ENV-026, ENV-027, ENV-028, ENV-030.
    """
    try:
        own = own_variables(container, config_maps, services)
    except Unavailable as error:
        return Environment(error=str(error))
    return Environment(FrozenMap({**services, **own}))
