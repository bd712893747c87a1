# SPDX-License-Identifier: Apache-2.0
"""Options of a Python adapter become keyword arguments of the types that its parameters have."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Optional, Union

import pytest
from attrs import define

from conformance.adapters.arguments import bound
from conformance.adapters.in_process import InProcess
from conformance.adapters.loading import load_adapter, make_adapter
from conformance.adapters.options import AdapterOption, given
from conformance.errors import UsageError
from conformance.fields import Scalar
from tests.adapters.toy import Toy

if TYPE_CHECKING:
    # A type that is not there when the class is looked at, as in users' code.
    from nowhere import Client  # type: ignore[import-not-found]

HERE = "tests.adapters.test_arguments"


class Typed(Toy):
    """Keeps what it is given."""

    # As users write it: a parameter without a type, and older spellings of types.
    def __init__(  # type: ignore[no-untyped-def]
        self,
        text: str = "",
        *,
        number: int = 0,
        ratio: float | None = None,
        flag: bool = False,
        path: Optional[Path] = None,  # noqa: UP045
        mode: Literal["iptables", "nftables"] = "iptables",
        port: Union[str, int, None] = None,  # noqa: UP007
        plain=80,  # noqa: ANN001
        anything: Any = None,
        client: Client | None = None,
    ) -> None:
        super().__init__()
        self.given = {name: value for name, value in locals().items() if name not in ("self", "__class__")}


@define(slots=False)
class Made(Toy):
    """Has a constructor that nobody wrote, and a parameter without a default."""

    bind_address: str
    port: int = 80

    def __attrs_post_init__(self) -> None:
        Toy.__init__(self)


def make(**settings: int) -> Toy:
    """Takes whatever there is."""
    toy = Toy()
    toy.name = str(settings)
    return toy


def at(address: str, /, port: int) -> Toy:
    """Has an argument that has no name for callers."""
    return Toy()


started: list[str] = []


def starting(port: int, client: Client) -> Toy:
    """Needs what no option can give."""
    started.append("started")
    return Toy()


class Called(Toy):
    """An instance is an adapter already."""


instance = Called()


def words(*texts: str) -> tuple[AdapterOption, ...]:
    """As on a command line."""
    return given(texts, origin="command line", where="option adapter-option")


def of_profile(name: str, value: Scalar, written: str = "") -> tuple[AdapterOption, ...]:
    """As a profile says it."""
    return (AdapterOption(name, value, written or str(value), "profile p.yaml:1", "p.yaml:1: place"),)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("text", "5", "5"),
        ("text", "", ""),
        ("number", "-5", -5),
        ("ratio", "1.5", 1.5),
        ("ratio", "2", 2.0),
        ("flag", "true", True),
        ("flag", "No", False),
        ("flag", "0", False),
        ("path", "a/b", Path("a/b")),
        ("mode", "nftables", "nftables"),
        ("port", "80", 80),
        ("port", "http", "http"),
        ("plain", "81", 81),
        ("anything", "81", "81"),
    ],
)
def test_texts_become_what_the_annotation_says(name: str, text: str, value: object) -> None:
    """A text, numbers, truth values, paths, choices, optional ones, and without annotation the default's."""
    found = make_adapter(f"{HERE}:Typed", words(f"{name}={text}")).given[name]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        (of_profile("text", 1.3, "1.30"), "1.30"),
        (of_profile("text", True, "on"), "on"),
        (of_profile("number", 31, "0x1F"), 31),
        (of_profile("number", "31"), 31),
        (of_profile("ratio", 2), 2.0),
        (of_profile("flag", True, "yes"), True),
        (of_profile("port", 80), 80),
        (of_profile("anything", False), False),
    ],
)
def test_scalars_of_a_profile_keep_their_type(option: Sequence[AdapterOption], value: object) -> None:
    """A number stays the number that it is, and is the text as it was written where a text is needed."""
    found = make_adapter(f"{HERE}:Typed", option).given[option[0].key]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (words("number=x"), "option adapter-option: number: a whole number is needed, not 'x'"),
        (words("number=1.5"), "number: a whole number is needed, not '1.5'"),
        (words("number="), "number: a whole number is needed, not ''"),
        (of_profile("number", True, "yes"), "p.yaml:1: place: number: a whole number is needed, not 'yes'"),
        (of_profile("number", 1.5), "number: a whole number is needed, not '1.5'"),
        (words("ratio=much"), "ratio: a number is needed, not 'much'"),
        (words("flag=maybe"), "flag: true or false is needed, not 'maybe'"),
        (words("path="), "path: a path is needed, not ''"),
        (words("mode=ipvs"), "mode: one of iptables, nftables is needed, not 'ipvs'"),
        (words("client=x"), "client: no option can be a Client | None (known: str, int, float, bool, Path)"),
        (
            words("nunber=4"),
            f"option adapter-option: unknown option 'nunber' of {HERE}:Typed (did you me",
        ),
        (words("self=4"), "unknown option 'self' of "),
    ],
)
def test_what_a_parameter_does_not_take_is_told(option: Sequence[AdapterOption], message: str) -> None:
    """The place of the option, its name, what is needed and what was given; nothing is made."""
    with pytest.raises(UsageError) as caught:
        load_adapter(f"{HERE}:Typed", options=option)
    assert message in str(caught.value)


def test_a_constructor_that_was_generated() -> None:
    """Dashes stand for underscores, and annotations are found where the class is."""
    made = make_adapter(f"{HERE}:Made", words("bind-address=10.0.0.1", "port=8080"))
    assert (made.bind_address, made.port) == ("10.0.0.1", 8080)
    with pytest.raises(UsageError) as caught:
        load_adapter(f"{HERE}:Made", options=words("port=1"))
    assert str(caught.value) == (
        f"{HERE}:Made: needs arguments: bind_address (--adapter-option bind_address=VALUE)"
    )


def test_names_that_nobody_listed() -> None:
    """A function that takes any keyword takes any option, as the type that it says."""
    assert make_adapter(f"{HERE}:make", words("a-b=1", "c=2")).name == "{'a_b': 1, 'c': 2}"
    with pytest.raises(UsageError, match="c: a whole number is needed, not 'x'"):
        make_adapter(f"{HERE}:make", words("c=x"))


def test_arguments_that_no_option_gives() -> None:
    """What has no name, or a type that is none of an option, has to be given in Python; nothing is called."""
    started.clear()
    for name, option in (("starting", words("port=1")), ("at", words("port=1"))):
        with pytest.raises(UsageError) as caught:
            load_adapter(f"{HERE}:{name}", options=option)
        needed = "client" if name == "starting" else "address"
        assert str(caught.value) == (
            f"{HERE}:{name}: needs arguments: {needed} "
            "(name an instance, or a class or function that can be called without any)"
        )
    with pytest.raises(UsageError, match="unknown option 'address' of "):
        load_adapter(f"{HERE}:at", options=words("address=x"))
    assert started == []


@pytest.mark.parametrize(
    ("spec", "hint"),
    [
        ("reference", "it has none"),
        (f"{HERE}:instance", "an object that is made already takes none"),
        (f"{HERE}:Called", "it takes none"),
    ],
)
def test_adapters_without_options(spec: str, hint: str) -> None:
    """The model, an instance, and a class without parameters have no options."""
    for use in (load_adapter, make_adapter):
        with pytest.raises(UsageError) as caught:
            use(spec, options=words("mode=x"))
        assert str(caught.value).startswith(f"option adapter-option: unknown option 'mode' of {spec} ({hint}")


def test_an_adapter_is_made_anew_with_its_options() -> None:
    """After a failure the new object has the options of the old one."""
    with load_adapter(f"{HERE}:make", options=words("port=7")) as session:
        transport = session.transport
        assert isinstance(transport, InProcess)
        first = transport.adapter
        session.recover()
        assert transport.adapter is not first
        assert session.name == "{'port': 7}"


def test_a_partial_function_has_what_is_left() -> None:
    """What is bound already can be overridden, and is no longer needed."""
    half: Callable[..., Any] = functools.partial(Typed, number=3)
    assert bound(half, (), "x")().given["number"] == 3
    assert bound(half, words("number=4"), "x")().given["number"] == 4
