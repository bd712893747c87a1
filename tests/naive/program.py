# SPDX-License-Identifier: Apache-2.0
"""The naive implementation as a program that speaks JSON lines: `exec:python tests/naive/program.py`.

It imports nothing of the suite, as a program in another language could not.
"""

from __future__ import annotations

import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

# Found beside this file, whatever the folder that it is started in.
sys.path.insert(0, str(Path(__file__).parent))
NaiveServices = import_module("services").NaiveServices

OPERATIONS = ["select", "endpoint_slices", "route", "resolve", "environment", "admit"]


def respond(services: Any, request: dict[str, Any]) -> dict[str, Any]:
    """The response to one request, less its id."""
    operation = request["op"]
    if operation == "hello":
        return {
            "protocol": request["protocol"],
            "name": "naive",
            "version": "1",
            "operations": ["apply", *OPERATIONS],
        }
    if operation == "apply":
        services.apply(request["cluster"])
        return {}
    if operation == "bye":
        return {}
    if operation in OPERATIONS:
        answer = getattr(services, operation)
        return {"answers": [answer(question) for question in request["questions"]]}
    return {"error": f"unknown operation {operation!r}"}


def main() -> None:
    """Answer line by line until `bye`, or the end of the input."""
    services = NaiveServices()
    for line in sys.stdin:
        request = json.loads(line)
        print(json.dumps({"id": request["id"], **respond(services, request)}), flush=True)
        if request["op"] == "bye":
            return


if __name__ == "__main__":
    main()
