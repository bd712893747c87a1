# SPDX-License-Identifier: Apache-2.0
"""A container's own variables beside those of Services, by worked examples.

Each invariant adds pods whose containers define variables that a Service gives.
"""

from __future__ import annotations

from conformance.invariants.base import Case, Kind, invariant
from conformance.invariants.environment import probes
from conformance.invariants.environment.probes import variables_of
from reference.objects import (
    ConfigMapEnvSource,
    ConfigMapKeySelector,
    Container,
    EnvFromSource,
    EnvVar,
    EnvVarSource,
)
from reference.questions import ContainerName

_ASKS = ("environment",)
_NAMESPACE = "probed"


def _of_key(name: str, source: str, key: str, *, optional: bool = False) -> EnvVar:
    selector = ConfigMapKeySelector(source, key, optional=optional or None)
    return EnvVar(name, value_from=EnvVarSource(selector))


@invariant(
    "environment.own-variables-come-first",
    kind=Kind.METAMORPHIC,
    requirements=("ENV-026", "ENV-027", "ENV-028", "ENV-029", "ENV-033"),
    asks=_ASKS,
)
def own_variables_come_first(case: Case) -> None:
    """Of one name a later `env` entry stands before an earlier one, `env` before `envFrom`, a later
    `envFrom` source before an earlier one, and each of them before a Service, even with an empty value.
    """
    cluster = case.cluster
    service = probes.service(cluster, _NAMESPACE, "owned", 1)
    api_server = probes.service(cluster, "default", "kubernetes", 2)
    name = ContainerName(_NAMESPACE, "owner", "main")
    container = Container(
        "main",
        env_from=(
            EnvFromSource("OWNED_", ConfigMapEnvSource("first")),
            EnvFromSource("OWNED_", ConfigMapEnvSource("second")),
        ),
        env=(
            EnvVar("OWNED_SERVICE_HOST", "mine"),
            EnvVar("KUBERNETES_SERVICE_HOST", ""),
            EnvVar("OWNED_PORT", ""),
            _of_key("OWNED_PORT_80_TCP_PORT", "second", "KEY"),
            EnvVar("OWNED_PORT_80_TCP_ADDR", "earlier"),
            EnvVar("OWNED_PORT_80_TCP_ADDR", "later"),
            EnvVar("OWNED_BOTH", "env"),
        ),
    )
    first = {"SERVICE_PORT": "of the first", "TWICE": "of the first", "BOTH": "of the first"}
    second = {"TWICE": "of the second", "KEY": "of a key"}
    related = probes.added(
        cluster,
        services=[service, api_server],
        pods=[probes.pod(cluster, _NAMESPACE, name.pod, 1, container=container)],
        config_maps=[
            probes.config_map(_NAMESPACE, "first", first),
            probes.config_map(_NAMESPACE, "second", second),
        ],
    )
    (got,) = probes.ask(case, "ENV-026", related, [name])
    for rule, expected in (
        ("ENV-026", {"OWNED_SERVICE_HOST": "mine"}),
        ("ENV-027", {"KUBERNETES_SERVICE_HOST": "", "OWNED_PORT": ""}),
        ("ENV-028", {"OWNED_SERVICE_PORT": "of the first"}),
        ("ENV-033", {"OWNED_PORT_80_TCP_PORT": "of a key"}),
        (
            "ENV-029",
            {"OWNED_PORT_80_TCP_ADDR": "later", "OWNED_TWICE": "of the second", "OWNED_BOTH": "env"},
        ),
        ("ENV-026", {"OWNED_PORT_80_TCP": variables_of(service)["OWNED_PORT_80_TCP"]}),
    ):
        probes.expect(case, rule, name, got, expected)


@invariant(
    "environment.missing-config-maps",
    kind=Kind.METAMORPHIC,
    requirements=("ENV-030",),
    asks=_ASKS,
    classes=("optional", "needed"),
)
def missing_config_maps(case: Case) -> None:
    """An optional ConfigMap or key that is missing defines nothing and leaves a Service's variable; one
    that is needed and missing is an error.
    """
    cluster = case.cluster
    service = probes.service(cluster, _NAMESPACE, "owned", 1)
    given = variables_of(service)
    optional = Container(
        "main",
        env_from=(EnvFromSource("OWNED_", ConfigMapEnvSource("no-such-map", optional=True)),),
        env=(
            _of_key("OWNED_PORT", "no-such-map", "KEY", optional=True),
            _of_key("OWNED_SERVICE_HOST", "a-map", "NO_SUCH_KEY", optional=True),
        ),
    )
    needing = {
        "needs-a-map": Container("main", env_from=(EnvFromSource("", ConfigMapEnvSource("no-such-map")),)),
        "needs-a-map-for-a-key": Container("main", env=(_of_key("A", "no-such-map", "KEY"),)),
        "needs-a-key": Container("main", env=(_of_key("A", "a-map", "NO_SUCH_KEY"),)),
    }
    names = [ContainerName(_NAMESPACE, "optional", "main")]
    pods = [probes.pod(cluster, _NAMESPACE, "optional", 1, container=optional)]
    for index, (pod, container) in enumerate(needing.items()):
        names.append(ContainerName(_NAMESPACE, pod, "main"))
        pods.append(probes.pod(cluster, _NAMESPACE, pod, 2 + index, container=container))
    config_maps = [probes.config_map(_NAMESPACE, "a-map", {"KEY": "value"})]
    related = probes.added(cluster, services=[service], pods=pods, config_maps=config_maps)
    answers = probes.ask_all(case, related, names)
    if answers[0].error is not None:
        case.fail(
            "ENV-030",
            question=f"the variables of container {names[0]}, whose missing ConfigMaps are optional",
            expected="variables",
            got=f"the error {answers[0].error!r}",
            because=("ENV-030",),
        )
    probes.expect(case, "ENV-030", names[0], answers[0], given, "optional")
    for name, got in zip(names[1:], answers[1:], strict=True):
        case.judged("needed")
        if got.error is None:
            case.fail(
                "ENV-030",
                question=f"the variables of container {name}, which needs what is missing",
                expected="an error",
                got="variables",
                because=("ENV-030",),
            )
