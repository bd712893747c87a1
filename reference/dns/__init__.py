# SPDX-License-Identifier: Apache-2.0
"""DNS: what a cluster's DNS server answers, and how names are looked up from a pod.

`zone` gives the canonical answers, which are those of CoreDNS, and `messages` what
else its messages hold; `demands` what the specification demands of every server;
`resolv_conf` what the node agent writes for a pod; `search` how a resolver library
uses it.  `names`, `index`, `targets` and `facts` are what these are made of.
"""

from __future__ import annotations

from reference.dns.demands import Demand, demand, demanded
from reference.dns.facts import Fact, fact, facts_of
from reference.dns.messages import message
from reference.dns.names import reverse_name
from reference.dns.resolv_conf import resolver_config, resolver_config_of, search_domains
from reference.dns.search import Lookup, candidates, in_zone, lookup
from reference.dns.zone import NODATA, NXDOMAIN, PodRecords, Zone, compile, resolve

__all__ = [
    "NODATA",
    "NXDOMAIN",
    "Demand",
    "Fact",
    "Lookup",
    "PodRecords",
    "Zone",
    "candidates",
    "compile",
    "demand",
    "demanded",
    "fact",
    "facts_of",
    "in_zone",
    "lookup",
    "message",
    "resolve",
    "resolver_config",
    "resolver_config_of",
    "reverse_name",
    "search_domains",
]
