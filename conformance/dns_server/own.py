# SPDX-License-Identifier: Apache-2.0
"""A DNS server of the user's, started by a command of theirs."""

from __future__ import annotations

import os
import shlex
from collections.abc import Hashable, Mapping, Sequence

from conformance.adapters.running import found_program
from conformance.dns_server.program import Place, Streams
from conformance.errors import UsageError
from reference.objects import ClusterSettings

NAMES = ("domain", "address", "port", "kubeconfig", "folder")
_WHERE = "option command of dns"


class Own:
    """Any DNS server that is told its cluster domain, address, port and kubeconfig by its command.

    `command` is split as a shell would; `{domain}`, `{address}`, `{port}`, `{kubeconfig}` and
    `{folder}` in it stand for what they say.  `pods` says that it answers for pods that it
    has seen.
    """

    def __init__(self, command: str, *, pods: bool = False) -> None:
        try:
            self._words = shlex.split(command)
        except ValueError as error:
            raise UsageError(f"cannot be split into words: {error}", where=_WHERE) from error
        if not self._words:
            raise UsageError("a command is needed", where=_WHERE)
        for name in ("address", "port", "kubeconfig"):
            if not any(f"{{{name}}}" in word for word in self._words):
                raise UsageError(
                    f"{{{name}}} is nowhere in it", where=_WHERE, hint=f"known: {', '.join(NAMES)}"
                )
        self._words[0] = found_program(self._words[0], os.environ.get("PATH", ""), _WHERE)
        self._pods = pods

    @property
    def name(self) -> str:
        """The program's own."""
        return os.path.basename(self._words[0])

    @property
    def version(self) -> str:
        """Nobody says."""
        return ""

    @property
    def environment(self) -> Mapping[str, str]:
        """Ours."""
        return os.environ

    @property
    def port(self) -> int:
        """Any that is free."""
        return 0

    def settings(self, settings: ClusterSettings) -> Hashable:
        """Its zone."""
        return settings.cluster_domain

    def command(self, place: Place) -> Sequence[str]:
        """The words, with what stands for something put in."""
        words = []
        for word in self._words:
            made = word
            for name in NAMES:
                made = made.replace(f"{{{name}}}", str(getattr(place, name)))
            words.append(made)
        return words

    def streams(self, asked_for: frozenset[str]) -> Streams:
        """As its author says of pods: a server may watch them for other reasons."""
        return Streams(slices=True, pods=self._pods)
