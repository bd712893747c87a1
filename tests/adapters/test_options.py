# SPDX-License-Identifier: Apache-2.0
"""Options of an adapter: how they are written, and which of them are effective."""

from __future__ import annotations

from pathlib import Path

import pytest

from conformance.adapters.options import AdapterOption, effective, given, header
from conformance.errors import UsageError
from conformance.options import settle
from conformance.profiles import load_profile

PROFILE = """\
name: mine
extends: quick
adapter_options:
  kube-proxy: {mode: iptables, sync-period: 1.50, masquerade-all: yes}
  my_proxy:MyProxy:
    mode: ipvs
"""


def options(*texts: str) -> tuple[AdapterOption, ...]:
    """As on a command line."""
    return given(texts, origin="command line", where="option adapter-option")


def test_an_option_is_a_name_and_a_value() -> None:
    """All after the first equals sign is the value, which may be empty; the order is kept."""
    found = options("mode=nftables", "a-b=", "C_2=x=y z")
    assert [(option.name, option.value, option.text) for option in found] == [
        ("mode", "nftables", "nftables"),
        ("a-b", "", ""),
        ("C_2", "x=y z", "x=y z"),
    ]
    assert {option.origin for option in found} == {"command line"}


@pytest.mark.parametrize("text", ["", "mode", "=x", "--mode=x", "-m=x", "2nd=x", "a b=x", "é=x", "mode =x"])
def test_what_is_no_option_is_refused(text: str) -> None:
    """A flag without value, dashes before the name, or no name: told with the way to write it."""
    with pytest.raises(UsageError) as caught:
        options("good=1", text)
    assert str(caught.value) == (
        f"option adapter-option: {text!r} is no option of an adapter (written NAME=VALUE, as mode=iptables)"
    )


def test_an_option_is_given_once() -> None:
    """A second value for one name is refused, also where the name is spelled with `_` instead of `-`."""
    with pytest.raises(UsageError, match=r"option adapter-option: 'mode' is given twice$"):
        options("mode=a", "x=1", "mode=a")
    with pytest.raises(UsageError, match=r"'sync_period' is given twice, first as 'sync-period'$"):
        options("sync-period=1", "sync_period=2")


def test_the_command_line_goes_before_the_profile(tmp_path: Path) -> None:
    """Each option is overridden alone, in its place; what only the command line has comes last."""
    path = tmp_path / "mine.yaml"
    path.write_text(PROFILE)
    line = {"adapter": "kube-proxy", "adapter_option": ("workers=2", "sync_period=9")}
    settings = settle(line, environment={})
    found = effective(settings, load_profile(path))
    assert [str(option) for option in found] == [
        "mode=iptables",
        "sync_period=9",
        "masquerade-all=yes",
        "workers=2",
    ]
    lines = header(settings, found)
    assert lines[-4:] == [
        "adapter-option: mode=iptables (profile mine.yaml:4)",
        "adapter-option: sync_period=9 (command line)",
        "adapter-option: masquerade-all=yes (profile mine.yaml:4)",
        "adapter-option: workers=2 (command line)",
    ]
    assert "adapter: kube-proxy (command line)" in lines
    assert sum(each.startswith("adapter-option") for each in lines) == 4


@pytest.mark.parametrize(("adapter", "expected"), [("my_proxy:MyProxy", ["mode=ipvs"]), ("reference", [])])
def test_only_options_of_the_adapter_in_use_apply(tmp_path: Path, adapter: str, expected: list[str]) -> None:
    """A profile can serve several adapters; the name is the one that `--adapter` has."""
    path = tmp_path / "mine.yaml"
    path.write_text(PROFILE)
    found = effective(settle({"adapter": adapter}, environment={}), load_profile(path))
    assert [str(option) for option in found] == expected


def test_the_environment_gives_several() -> None:
    """As with every option that can be given several times, blanks separate; the origin is told."""
    settings = settle({}, environment={"KUBE_SERVICE_CONFORMANCE_ADAPTER_OPTION": "mode=ipvs workers=2"})
    found = effective(settings, load_profile("quick"))
    assert [str(option) for option in found] == ["mode=ipvs", "workers=2"]
    assert {option.origin for option in found} == {"environment KUBE_SERVICE_CONFORMANCE_ADAPTER_OPTION"}
