# SPDX-License-Identifier: Apache-2.0
"""`$(NAME)` in the values of a container's variables, by worked examples.

Each invariant adds a pod whose container has the examples as variables.
"""

from __future__ import annotations

from conformance.invariants.base import Case, Kind, invariant
from conformance.invariants.environment import probes
from reference.objects import ConfigMapEnvSource, Container, EnvFromSource, EnvVar
from reference.questions import ContainerName

_ASKS = ("environment",)

# Of a container with A=A, B=B, REF=$(A), E= and nothing else.
VECTORS: tuple[tuple[str, str, str], ...] = (
    ("ENV-EXP-001", "$(A)-$(B)", "A-B"),
    ("ENV-EXP-005", "$(NO_SUCH)", "$(NO_SUCH)"),
    ("ENV-EXP-005", "$(NO_SUCH)$(A)", "$(NO_SUCH)A"),
    ("ENV-EXP-006", "$$(B)_$(A)", "$(B)_A"),
    ("ENV-EXP-006", "x$$A", "x$A"),
    ("ENV-EXP-007", "$$$(A)", "$A"),
    ("ENV-EXP-007", "$$$$(A)", "$$(A)"),
    ("ENV-EXP-007", "$$$$$$(A)", "$$$(A)"),
    ("ENV-EXP-007", "$$$$$$$(A)", "$$$A"),
    ("ENV-EXP-007", "$(A)z$", "Az$"),
    ("ENV-EXP-008", "p$(Aq", "p$(Aq"),
    ("ENV-EXP-008", "$?_$!", "$?_$!"),
    ("ENV-EXP-008", "${A} $A) $A", "${A} $A) $A"),
    ("ENV-EXP-008", "--$($($(--", "--$($($(--"),
    ("ENV-EXP-009", "$(A$(B))", "$(A$(B))"),
    ("ENV-EXP-009", "$(a$$b)", "$(a$$b)"),
    ("ENV-EXP-010", "$(REF)", "$(A)"),
    ("ENV-EXP-011", "p$(E)q", "pq"),
    ("ENV-EXP-012", "$()", "$()"),
    ("ENV-EXP-019", "$(a)", "$(a)"),
)

PROBE = ContainerName("probed", "probe", "main")


@invariant(
    "environment.expansion-syntax",
    kind=Kind.METAMORPHIC,
    requirements=tuple(dict.fromkeys(rule for rule, _, _ in VECTORS)),
    asks=_ASKS,
)
def expansion_syntax(case: Case) -> None:
    """In a value each `$(NAME)` of a known variable is replaced, `$$` is a dollar, all else is literal."""
    fixed = (EnvVar("A", "A"), EnvVar("B", "B"), EnvVar("REF", "$$(A)"), EnvVar("E", ""))
    container = Container(
        "main",
        env=(*fixed, *(EnvVar(f"V{index}", text) for index, (_, text, _) in enumerate(VECTORS))),
    )
    cluster = case.cluster
    pod = probes.pod(cluster, PROBE.namespace, PROBE.pod, 1, container=container, links=False)
    (got,) = probes.ask(case, "ENV-EXP-005", probes.added(cluster, pods=[pod]), [PROBE])
    for index, (rule, text, expected) in enumerate(VECTORS):
        case.judged()
        found = got.variables.get(f"V{index}")
        if found != expected:
            case.fail(
                rule,
                question=f"the value {text!r} of a variable, after A=A, B=B, REF=$(A) and an empty E",
                expected=repr(expected),
                got=repr(found),
                because=(rule,),
            )


@invariant(
    "environment.expansion-order",
    kind=Kind.METAMORPHIC,
    requirements=("ENV-EXP-001", "ENV-EXP-002", "ENV-EXP-003", "ENV-EXP-004", "ENV-EXP-013"),
    asks=_ASKS,
)
def expansion_order(case: Case) -> None:
    """A reference sees `envFrom` and what stands before it in `env`, else the variables of Services; what
    is not a literal value is not expanded.
    """
    cluster = case.cluster
    service = probes.service(cluster, PROBE.namespace, "expand-me", 1)
    ip = service.spec.cluster_ip
    host = "EXPAND_ME_SERVICE_HOST"
    container = Container(
        "main",
        env_from=(EnvFromSource("FROM_", ConfigMapEnvSource("expansion")),),
        env=(
            EnvVar("EARLY", "$(LATER)"),
            EnvVar("LATER", "later"),
            EnvVar("LATE", "$(LATER)"),
            EnvVar("OF_SERVICE", "$(EXPAND_ME_PORT)"),
            EnvVar("OF_CONFIG_MAP", "$(FROM_PLAIN)"),
            EnvVar("FORWARD", f"$({host})"),
            EnvVar("FORWARD_TO_MAP", "$(FROM_FORWARD)"),
            EnvVar(host, f"$({host}):x"),
            EnvVar("AFTER", f"$({host})"),
            EnvVar("FROM_FORWARD", "overridden"),
        ),
    )
    (got,) = probes.ask(
        case,
        "ENV-EXP-001",
        probes.added(
            cluster,
            pods=[probes.pod(cluster, PROBE.namespace, PROBE.pod, 1, container=container)],
            services=[service],
            config_maps=[
                probes.config_map(
                    PROBE.namespace,
                    "expansion",
                    {"PLAIN": "plain", "FORWARD": "of the map", "VERBATIM": "$(LATER)$$"},
                )
            ],
        ),
        [PROBE],
    )
    for rule, expected in (
        (
            "ENV-EXP-001",
            {
                "LATE": "later",
                "OF_SERVICE": f"tcp://{probes.host_port(ip, 80)}",
                "OF_CONFIG_MAP": "plain",
            },
        ),
        ("ENV-EXP-002", {"EARLY": "$(LATER)"}),
        ("ENV-EXP-003", {"FORWARD": ip, "FORWARD_TO_MAP": "of the map"}),
        ("ENV-EXP-004", {host: f"{ip}:x"}),
        ("ENV-EXP-001", {"AFTER": f"{ip}:x"}),
        ("ENV-EXP-013", {"FROM_VERBATIM": "$(LATER)$$"}),
    ):
        probes.expect(case, rule, PROBE, got, expected)


@invariant(
    "environment.expansion-of-hidden-services",
    kind=Kind.METAMORPHIC,
    requirements=("ENV-EXP-017", "ENV-EXP-018"),
    asks=_ASKS,
)
def expansion_of_hidden_services(case: Case) -> None:
    """A reference to a Service that the container is not told of, for want of links or because it came
    later, stays as it is written.
    """
    cluster = case.cluster
    early = probes.service(cluster, PROBE.namespace, "expand-me", 1)
    later = probes.service(cluster, PROBE.namespace, "later-on", 2, created=probes.AFTER_LATE)
    api_server = probes.service(cluster, "default", "kubernetes", 3)
    text = "$(EXPAND_ME_SERVICE_HOST) $(LATER_ON_SERVICE_HOST) $(KUBERNETES_SERVICE_HOST)"
    container = Container("main", env=(EnvVar("TEXT", text),))
    names = [
        ContainerName(PROBE.namespace, "unlinked", "main"),
        ContainerName(PROBE.namespace, "linked", "main"),
        ContainerName(PROBE.namespace, "restarted", "main"),
    ]
    related = probes.added(
        cluster,
        services=[early, later, api_server],
        pods=[
            probes.pod(cluster, PROBE.namespace, "unlinked", 1, container=container, links=False),
            probes.pod(cluster, PROBE.namespace, "linked", 2, container=container),
            probes.pod(
                cluster, PROBE.namespace, "restarted", 3, container=container, at=probes.AFTER_LATE + 1
            ),
        ],
    )
    unlinked, linked, restarted = probes.ask(case, "ENV-EXP-018", related, names)
    first, second, third = (item.spec.cluster_ip for item in (early, later, api_server))
    texts = {
        "unlinked": f"$(EXPAND_ME_SERVICE_HOST) $(LATER_ON_SERVICE_HOST) {third}",
        "linked": f"{first} $(LATER_ON_SERVICE_HOST) {third}",
        "restarted": f"{first} {second} {third}",
    }
    probes.expect(case, "ENV-EXP-017", names[0], unlinked, {"TEXT": texts["unlinked"]})
    probes.expect(case, "ENV-EXP-018", names[1], linked, {"TEXT": texts["linked"]})
    probes.expect(case, "ENV-EXP-018", names[2], restarted, {"TEXT": texts["restarted"]})
