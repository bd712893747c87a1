# SPDX-License-Identifier: Apache-2.0
"""`python -m conformance` is the command `kube-service-conformance`."""

from __future__ import annotations

from conformance.cli import main

main(prog_name="kube-service-conformance")
