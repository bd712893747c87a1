# SPDX-License-Identifier: Apache-2.0
"""Faults that implementations had or could have, each with the invariants that have to see it."""

from __future__ import annotations

from tests.routing.faults.affinity import (
    AboveThePolicy,
    AffinityForEver,
    AllNodes,
    AlwaysTheFirst,
    Clinging,
    EachFrontend,
    EachService,
    NeverExpires,
    NoAffinity,
    NoAffinityOutside,
    NotSliding,
    OneForAll,
    Uneven,
)
from tests.routing.faults.answers import (
    AlwaysHealthy,
    CountsPorts,
    DrainingIsHealthy,
    HealthByInternalPolicy,
    HealthyButDeaf,
    HostsSeemElsewhere,
    NeverCloses,
    always_masquerades,
    never_masquerades,
)
from tests.routing.faults.endpoints import (
    all_are_ready,
    headless_slices,
    hints_for_local_sets,
    ignores_hints,
    namespace_default_only,
    no_protocols,
    one_namespace,
    only_the_first_endpoint,
    only_the_last_slice,
    service_port_numbers,
    terminating_is_ready,
    zone_before_readiness,
)
from tests.routing.faults.interception import (
    Stale,
    confused_by_more_services,
    empty_labels,
    every_proxys,
    global_deny,
    ignores_ranges,
    mode_is_vip,
    ranges_at_node_ports,
    waits_for_the_load_balancer,
)
from tests.routing.faults.policies import (
    drops_without_endpoints,
    external_policy_everywhere,
    hosts_are_outside,
    ignores_internal_policy,
    internal_policy_everywhere,
    no_external_ips,
    nothing_for_outside_at_cluster_ips,
    refuses_where_nothing_is_local,
    remote_under_external_local,
)
from tests.routing.proxies import (
    Proxy,
    deciding,
    seeing,
    with_endpoints,
    with_services,
    with_slices,
    with_specs,
)

FAULTS: dict[str, tuple[type[Proxy], tuple[str, ...]]] = {
    "remote endpoints under external policy Local": (
        deciding(remote_under_external_local),
        (
            "external-policy-local-uses-the-nodes-endpoints",
            "local-policy-never-crosses-nodes",
            "a-remote-endpoint-does-not-matter-under-policy-local",
        ),
    ),
    "hosts are outside": (
        deciding(hosts_are_outside),
        ("external-policy-local-does-not-bind-clients-inside", "external-policies-as-kube-proxy"),
    ),
    "internal policy everywhere": (
        deciding(internal_policy_everywhere),
        (
            "node-port-reaches-its-endpoints",
            "external-ip-reaches-its-endpoints",
            "load-balancer-ip-reaches-its-endpoints",
            "internal-policy-does-not-touch-clients-outside",
            "internal-policy-does-not-touch-other-addresses",
            "external-policies-as-kube-proxy",
        ),
    ),
    "external policy everywhere": (
        seeing(with_specs(external_policy_everywhere)),
        ("external-policy-does-not-touch-cluster-ips", "cluster-ip-reaches-its-endpoints"),
    ),
    "internal policy unknown": (
        seeing(with_specs(ignores_internal_policy)),
        ("internal-policy-local-uses-the-nodes-endpoints", "local-policy-never-crosses-nodes"),
    ),
    "refuses where nothing is local": (
        deciding(refuses_where_nothing_is_local),
        ("no-local-endpoints-as-kube-proxy",),
    ),
    "drops without endpoints": (
        deciding(drops_without_endpoints),
        ("no-endpoints-is-refused", "no-endpoints-as-kube-proxy"),
    ),
    "keeps outside from cluster IPs": (
        deciding(nothing_for_outside_at_cluster_ips),
        ("cluster-ip-from-outside-as-kube-proxy",),
    ),
    "external IPs unknown": (deciding(no_external_ips), ("external-ip-reaches-its-endpoints",)),
    "terminating is ready": (
        seeing(with_endpoints(terminating_is_ready)),
        ("draining-endpoints-wait-for-the-last-ready-one", "cluster-ip-reaches-its-endpoints"),
    ),
    "conditions unknown": (
        seeing(with_endpoints(all_are_ready)),
        ("unusable-endpoints-get-nothing", "an-endpoint-that-stops-being-ready-is-left-out"),
    ),
    "zone before readiness": (
        deciding(zone_before_readiness),
        ("a-ready-endpoint-is-enough", "cluster-ip-reaches-its-endpoints"),
    ),
    "only the last slice": (
        seeing(only_the_last_slice),
        ("a-slice-may-be-split", "cluster-ip-reaches-its-endpoints"),
    ),
    "only the first endpoint": (
        seeing(with_slices(only_the_first_endpoint)),
        ("listing-order-does-not-matter", "a-repeated-endpoint-counts-once"),
    ),
    "headless slices": (
        seeing(with_slices(headless_slices)),
        ("slices-of-headless-services-are-ignored",),
    ),
    "one namespace": (seeing(one_namespace), ("backends-are-listed-for-the-port",)),
    "known namespaces only": (seeing(namespace_default_only), ("a-namespace-may-be-renamed",)),
    "service port numbers": (
        deciding(service_port_numbers),
        ("the-port-is-the-endpoints-own", "backends-are-listed-for-the-port"),
    ),
    "no protocols": (
        seeing(no_protocols),
        ("nothing-else-is-intercepted", "backends-are-listed-for-the-port"),
    ),
    "other proxies' Services": (
        seeing(with_services(every_proxys)),
        (
            "services-of-other-proxies-are-left-alone",
            "other-proxies-services-have-no-health-check",
            "a-service-given-to-another-proxy-is-no-longer-served",
        ),
    ),
    "mode unknown": (seeing(with_services(mode_is_vip)), ("addresses-in-proxy-mode-are-left-alone",)),
    "waits for the load balancer": (
        seeing(with_services(waits_for_the_load_balancer)),
        ("pending-load-balancer-serves-its-node-ports", "node-port-reaches-its-endpoints"),
    ),
    "global deny": (
        seeing(global_deny),
        ("load-balancer-ip-reaches-its-endpoints",),
    ),
    "ranges everywhere": (
        deciding(ranges_at_node_ports),
        ("source-ranges-touch-no-other-address",),
    ),
    "ranges unknown": (seeing(with_specs(ignores_ranges)), ("source-ranges-are-kept",)),
    "hints unknown": (seeing(with_endpoints(ignores_hints)), ("hints-as-kube-proxy",)),
    "hints for local sets": (deciding(hints_for_local_sets), ("hints-do-not-touch-policy-local",)),
    "stale": (
        Stale,
        (
            "a-deleted-service-is-no-longer-served",
            "a-service-given-to-another-proxy-is-no-longer-served",
            "a-recreated-service-is-served-at-its-new-address",
            "a-removed-port-is-no-longer-served",
            "a-service-becomes-what-its-type-says",
            "an-external-name-is-not-intercepted",
            "endpoints-come-and-go",
            "a-switched-policy-takes-effect",
            "without-need-there-is-no-health-check",
        ),
    ),
    "labels leave Services out": (seeing(empty_labels), ("labels-of-a-service-change-nothing",)),
    "confused by more Services": (
        seeing(confused_by_more_services),
        ("an-unrelated-service-changes-nothing",),
    ),
    "always masquerades": (
        deciding(always_masquerades),
        (
            "pods-keep-their-address-at-cluster-ips",
            "outside-clients-keep-their-address-under-policy-local",
            "source-address-as-kube-proxy",
        ),
    ),
    "never masquerades": (deciding(never_masquerades), ("source-address-as-kube-proxy",)),
    "hosts seem elsewhere": (HostsSeemElsewhere, ("hosts-come-from-their-own-node",)),
    "always healthy": (
        AlwaysHealthy,
        (
            "health-check-says-whether-an-endpoint-is-local",
            "health-check-counts-addresses",
            "draining-endpoints-do-not-make-a-node-healthy",
            "other-proxies-services-have-no-health-check",
        ),
    ),
    "draining is healthy": (DrainingIsHealthy, ("draining-endpoints-do-not-make-a-node-healthy",)),
    "counts ports": (CountsPorts, ("health-check-counts-addresses",)),
    "health by internal policy": (
        HealthByInternalPolicy,
        ("policies-and-hints-do-not-change-health", "health-check-says-whether-an-endpoint-is-local"),
    ),
    "healthy but deaf": (HealthyButDeaf, ("a-healthy-node-forwards",)),
    "never closes": (NeverCloses, ("without-need-there-is-no-health-check",)),
    "always the first": (
        AlwaysTheFirst,
        (
            "every-member-is-reached",
            "the-choice-is-even",
            "affinity-ends-with-its-time-out",
            "affinity-does-not-gather-all-clients",
            "affinity-can-be-switched",
        ),
    ),
    "uneven": (Uneven, ("the-choice-is-even",)),
    "no affinity": (
        NoAffinity,
        (
            "affinity-keeps-a-client-at-its-endpoint",
            "affinity-can-be-switched",
            "affinity-restarts-its-timer",
        ),
    ),
    "no affinity outside": (NoAffinityOutside, ("affinity-keeps-a-client-at-its-endpoint",)),
    "records of each frontend": (
        EachFrontend,
        ("affinity-is-shared-by-a-service-ports-addresses",),
    ),
    "records of each Service": (EachService, ("affinity-is-kept-for-each-service-port",)),
    "records of all nodes": (AllNodes, ("affinity-is-kept-by-each-node",)),
    "one record for all": (OneForAll, ("affinity-does-not-gather-all-clients",)),
    "records never expire": (NeverExpires, ("affinity-ends-with-its-time-out",)),
    "timer does not slide": (NotSliding, ("affinity-restarts-its-timer",)),
    "records above the policy": (AboveThePolicy, ("affinity-does-not-override-policies",)),
    "records outlive endpoints": (Clinging, ("affinity-lets-go-of-an-endpoint-that-left",)),
    "affinity for ever": (AffinityForEver, ("affinity-can-be-switched",)),
}
"""Name -> (proxy, invariants that have to see it)."""
