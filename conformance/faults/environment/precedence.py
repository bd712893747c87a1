# SPDX-License-Identifier: Apache-2.0
"""A container's own variables and those of Services stand in the wrong order."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import evolve

from conformance.faults.base import replaces
from reference.environment import outcomes, own
from reference.environment.own import ConfigMaps, Unavailable, from_config_maps, own_variables, value_of
from reference.frozenmap import FrozenMap
from reference.objects import Container, EnvVar
from reference.questions import Environment


@replaces(outcomes, "assemble", "ENV-026", "ENV-028", bugs=("BUG-149",))
def services_first(container: Container, config_maps: ConfigMaps, services: Mapping[str, str]) -> Environment:
    """The variables of Services stand before a container's own."""
    try:
        mine = own_variables(container, config_maps, services)
    except Unavailable as error:
        return Environment(error=str(error))
    return Environment(FrozenMap({**mine, **services}))


@replaces(outcomes, "assemble", "ENV-027")
def empty_values_do_not_count(
    container: Container, config_maps: ConfigMaps, services: Mapping[str, str]
) -> Environment:
    """An own variable that is empty leaves that of the Service."""
    try:
        mine = own_variables(container, config_maps, services)
    except Unavailable as error:
        return Environment(error=str(error))
    return Environment(FrozenMap({**services, **{name: value for name, value in mine.items() if value}}))


@replaces(own, "from_config_maps", "ENV-028")
def no_sources(container: Container, config_maps: ConfigMaps) -> dict[str, str]:
    """EnvFrom is not looked at."""
    return {}


@replaces(own, "from_config_maps", "ENV-029")
def first_source_stands(container: Container, config_maps: ConfigMaps) -> dict[str, str]:
    """Of two sources that define a name the first stands."""
    return from_config_maps(evolve(container, env_from=container.env_from[::-1]), config_maps)


@replaces(own, "from_config_maps", "ENV-028")
def sources_without_prefix(container: Container, config_maps: ConfigMaps) -> dict[str, str]:
    """The prefix of a source is left out."""
    plain = tuple(evolve(source, prefix="") for source in container.env_from)
    return from_config_maps(evolve(container, env_from=plain), config_maps)


@replaces(own, "value_of", "ENV-033")
def keys_are_not_looked_up(
    variable: EnvVar, config_maps: ConfigMaps, before: Mapping[str, str], services: Mapping[str, str]
) -> str | None:
    """A variable from a key of a ConfigMap is not set where a Service has one of the name."""
    if variable.value_from is not None and variable.name in services:
        return None
    return value_of(variable, config_maps, before, services)


@replaces(own, "value_of", "ENV-030")
def nothing_is_required(
    variable: EnvVar, config_maps: ConfigMaps, before: Mapping[str, str], services: Mapping[str, str]
) -> str | None:
    """A container is created without a key that it needs."""
    try:
        return value_of(variable, config_maps, before, services)
    except Unavailable:
        return None


@replaces(own, "from_config_maps", "ENV-030")
def optional_sources_are_required(container: Container, config_maps: ConfigMaps) -> dict[str, str]:
    """A container is not created without a source that is optional."""
    for source in container.env_from:
        reference = source.config_map_ref
        if reference is not None and reference.name not in config_maps:
            raise Unavailable(f"configmap {reference.name!r} not found")
    return from_config_maps(container, config_maps)


@replaces(outcomes, "assemble", "ENV-029")
def first_entry_stands(
    container: Container, config_maps: ConfigMaps, services: Mapping[str, str]
) -> Environment:
    """Of two entries of a name the first stands."""
    try:
        mine = own_variables(evolve(container, env=container.env[::-1]), config_maps, services)
    except Unavailable as error:
        return Environment(error=str(error))
    return Environment(FrozenMap({**services, **mine}))
