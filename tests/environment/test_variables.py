# SPDX-License-Identifier: Apache-2.0
"""The variables of one Service: the table of section 11 and well-known examples."""

from __future__ import annotations

from attrs import evolve

from reference.environment import service_variables
from reference.objects import ServicePort
from tests.environment.objects import service, variables


def test_table() -> None:
    """A Service with named and unnamed ports gives each variable of the table, and no other (ENV-001)."""
    two = service(
        "my-db", ServicePort(5432, "sql", "TCP", 15432), ServicePort(53, "dns-2", "UDP"), ip="10.0.0.7"
    )
    assert service_variables(two) == {
        "MY_DB_SERVICE_HOST": "10.0.0.7",
        "MY_DB_SERVICE_PORT": "5432",
        "MY_DB_SERVICE_PORT_SQL": "5432",
        "MY_DB_SERVICE_PORT_DNS_2": "53",
        "MY_DB_PORT": "tcp://10.0.0.7:5432",
        "MY_DB_PORT_5432_TCP": "tcp://10.0.0.7:5432",
        "MY_DB_PORT_5432_TCP_PROTO": "tcp",
        "MY_DB_PORT_5432_TCP_PORT": "5432",
        "MY_DB_PORT_5432_TCP_ADDR": "10.0.0.7",
        "MY_DB_PORT_53_UDP": "udp://10.0.0.7:53",
        "MY_DB_PORT_53_UDP_PROTO": "udp",
        "MY_DB_PORT_53_UDP_PORT": "53",
        "MY_DB_PORT_53_UDP_ADDR": "10.0.0.7",
    }


def test_conformance_example() -> None:
    """`fooservice` gives the seven variables that the upstream conformance test looks for (ENV-024)."""
    foo = service("fooservice", ServicePort(8765, "", "TCP", 8080), ip="10.0.0.9")
    assert variables(foo) == {
        "FOOSERVICE_SERVICE_HOST": "10.0.0.9",
        "FOOSERVICE_SERVICE_PORT": "8765",
        "FOOSERVICE_PORT": "tcp://10.0.0.9:8765",
        "FOOSERVICE_PORT_8765_TCP": "tcp://10.0.0.9:8765",
        "FOOSERVICE_PORT_8765_TCP_PROTO": "tcp",
        "FOOSERVICE_PORT_8765_TCP_PORT": "8765",
        "FOOSERVICE_PORT_8765_TCP_ADDR": "10.0.0.9",
    }


def test_redis_master() -> None:
    """The example of the documentation: a dash becomes an underscore."""
    redis = variables(service("redis-master", ServicePort(6379, "", "TCP"), ip="10.0.0.11"))
    assert redis["REDIS_MASTER_SERVICE_HOST"] == "10.0.0.11"
    assert redis["REDIS_MASTER_SERVICE_PORT"] == "6379"
    assert redis["REDIS_MASTER_PORT"] == "tcp://10.0.0.11:6379"
    assert redis["REDIS_MASTER_PORT_6379_TCP_ADDR"] == "10.0.0.11"
    assert len(redis) == 7


def test_count() -> None:
    """3 + named ports + 4 for each port; the API server's Service gives 8 (ENV-002)."""
    assert len(service_variables(service("kubernetes", ServicePort(443, "https", "TCP")))) == 8
    assert len(service_variables(service("one"))) == 7


def test_one_number_two_protocols() -> None:
    """Two ports of one number give two groups of variables (ENV-025)."""
    dns = service_variables(service("dns", ServicePort(53, "udp", "UDP"), ServicePort(53, "tcp", "TCP")))
    assert dns["DNS_PORT_53_UDP_PROTO"] == "udp"
    assert dns["DNS_PORT_53_TCP_PROTO"] == "tcp"
    assert dns["DNS_PORT"] == "udp://10.96.0.1:53"


def test_absent_protocol() -> None:
    """A protocol that is not written down is TCP."""
    assert "A_PORT_80_TCP" in service_variables(service("a", ServicePort(80)))


def test_ipv6() -> None:
    """An IPv6 address has brackets in a URL, and nowhere else (ENV-009)."""
    six = service_variables(service("six", ip="fd00::1"))
    assert six["SIX_SERVICE_HOST"] == six["SIX_PORT_80_TCP_ADDR"] == "fd00::1"
    assert six["SIX_PORT"] == six["SIX_PORT_80_TCP"] == "tcp://[fd00::1]:80"


def test_two_families() -> None:
    """The second address never appears (ENV-010)."""
    both = service("both")
    both = evolve(both, spec=evolve(both.spec, cluster_ips=("10.96.0.1", "fd00::1")))
    assert not any("fd00" in value for value in service_variables(both).values())


def test_leading_digit() -> None:
    """A leading digit stays as it is (ENV-008)."""
    assert "1KUBERNETES_SERVICE_HOST" in service_variables(service("1kubernetes"))
