# SPDX-License-Identifier: Apache-2.0
"""References in the values of variables are replaced wrongly."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from conformance.faults.base import replaces
from reference.environment import expansion as model
from reference.environment import own
from reference.environment.expansion import expand, look_up
from reference.environment.own import ConfigMaps, from_config_maps, own_variables, value_of
from reference.objects import Container, EnvVar

Contexts = tuple[Mapping[str, str], ...]


def _expands(*breaks: str) -> Callable[[Callable[..., str]], Callable[..., str]]:
    """A node agent that expands a text in its own way: `(text, *contexts) -> text`."""
    return replaces(own, "expand", *breaks)


@_expands("ENV-EXP-001")
def nothing_is_replaced(text: str, *contexts: Mapping[str, str]) -> str:
    """References are not replaced."""
    return text


@_expands("ENV-EXP-001")
def services_are_looked_up_first(text: str, *contexts: Mapping[str, str]) -> str:
    """A reference means the variable of a Service before the container's own."""
    return expand(text, *reversed(contexts))


@replaces(model, "look_up", "ENV-EXP-005")
def unknown_names_vanish(name: str, contexts: Contexts) -> str:
    """A reference to a name that is not known becomes empty."""
    found = look_up(name, contexts)
    return "" if found == f"$({name})" else found


@_expands("ENV-EXP-006")
def two_dollars_stay(text: str, *contexts: Mapping[str, str]) -> str:
    """Two dollars stay two."""
    return expand(text.replace("$$", "$$$$"), *contexts)


@_expands("ENV-EXP-007")
def dollars_pair_up_from_the_right(text: str, *contexts: Mapping[str, str]) -> str:
    """Of an odd number of dollars before a reference the first is left."""
    return re.sub(r"\$\$\$\((\w+)\)", lambda match: f"$$({match.group(1)})", expand(text, *contexts)).replace(
        "$$", "$"
    )


@_expands("ENV-EXP-008")
def braces_are_references_too(text: str, *contexts: Mapping[str, str]) -> str:
    """A name in braces is a reference as it is in a shell."""
    return expand(re.sub(r"\$\{(\w+)\}", r"$(\1)", text), *contexts)


@_expands("ENV-EXP-009")
def references_are_nested(text: str, *contexts: Mapping[str, str]) -> str:
    """A reference within the name of a reference is replaced first."""
    inner = re.sub(r"\$\((\w+)\$\((\w+)\)\)", lambda m: f"$({m[1]}{look_up(m[2], contexts)})", text)
    return expand(inner, *contexts)


@_expands("ENV-EXP-010")
def replaced_again(text: str, *contexts: Mapping[str, str]) -> str:
    """What was put in is looked at again."""
    found = expand(text, *contexts)
    return expand(found, *contexts) if "$(" in found and "$$" not in text else found


@replaces(model, "look_up", "ENV-EXP-011")
def empty_is_unknown(name: str, contexts: Contexts) -> str:
    """A reference to a variable that is empty stays as it was written."""
    return look_up(name, contexts) or f"$({name})"


@replaces(model, "look_up", "ENV-EXP-012")
def no_name_is_empty(name: str, contexts: Contexts) -> str:
    """A reference without a name becomes empty."""
    return look_up(name, contexts) if name else ""


@replaces(model, "look_up", "ENV-EXP-019")
def names_in_any_case(name: str, contexts: Contexts) -> str:
    """A name that is not known is looked up in upper case."""
    found, shouted = look_up(name, contexts), look_up(name.upper(), contexts)
    is_known = shouted != f"$({name.upper()})"
    return shouted if found == f"$({name})" and is_known else found


Own = dict[str, str]


@replaces(own, "own_variables", "ENV-EXP-002")
def later_entries_are_seen(container: Container, config_maps: ConfigMaps, services: Mapping[str, str]) -> Own:
    """A reference sees the entries that come after it."""
    every = own_variables(container, config_maps, services)
    found = own.from_config_maps(container, config_maps)
    for place, variable in enumerate(container.env):
        later = {each.name: every[each.name] for each in container.env[place + 1 :] if each.name in every}
        value = value_of(variable, config_maps, {**later, **found}, services)
        if value is not None:
            found[variable.name] = value
    return found


@replaces(own, "own_variables", "ENV-EXP-003")
def later_entries_hide_services(
    container: Container, config_maps: ConfigMaps, services: Mapping[str, str]
) -> Own:
    """A reference to a name that an entry defines later does not see the Service's variable."""
    found = own.from_config_maps(container, config_maps)
    for place, variable in enumerate(container.env):
        later = {each.name for each in container.env[place + 1 :]}
        rest = {name: value for name, value in services.items() if name not in later}
        value = value_of(variable, config_maps, found, rest)
        if value is not None:
            found[variable.name] = value
    return found


@replaces(own, "value_of", "ENV-EXP-004")
def a_name_does_not_refer_to_itself(
    variable: EnvVar, config_maps: ConfigMaps, before: Mapping[str, str], services: Mapping[str, str]
) -> str | None:
    """A variable cannot refer to the Service's variable of its own name."""
    rest = {name: value for name, value in services.items() if name != variable.name}
    return value_of(variable, config_maps, before, rest)


@replaces(own, "from_config_maps", "ENV-EXP-013")
def values_of_sources_are_expanded(container: Container, config_maps: ConfigMaps) -> Own:
    """References in the values of a ConfigMap are replaced, too."""
    found = from_config_maps(container, config_maps)
    return {name: expand(value, found) for name, value in found.items()}
