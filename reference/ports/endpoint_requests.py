# SPDX-License-Identifier: Apache-2.0
"""What an API server may answer to a creation or an update of a slice or of legacy Endpoints.

Source: kubernetes `pkg/registry/discovery/endpointslice/strategy.go`,
`pkg/registry/core/endpoint/strategy.go`.
"""

from __future__ import annotations

from attrs import frozen

from reference.objects import Endpoints, EndpointSlice
from reference.ports.endpoint_slices import slice_violations
from reference.ports.endpoint_subsets import subset_violations
from reference.ports.rejections import INVALID, Standing, Violation
from reference.questions import ApiResponse, Cause, EndpointsRequest

CREATED = 201
OK = 200


@frozen
class Admission:
    """What may be answered: the code of a request that is granted, and what the object breaks."""

    code: int
    violations: tuple[Violation, ...]

    @property
    def may_be_granted(self) -> bool:
        """Whether no rule is broken that every server knows."""
        return not self._of(Standing.ALWAYS)

    @property
    def may_be_refused(self) -> bool:
        """Whether there is a reason to refuse it, for newer servers at least."""
        return bool(self._of(Standing.ALWAYS, Standing.NEWER))

    @property
    def causes(self) -> tuple[Cause, ...]:
        """What a current Kubernetes API server objects to."""
        told = self._of(Standing.ALWAYS, Standing.NEWER)
        return tuple(dict.fromkeys(violation.cause for violation in told))

    @property
    def rules(self) -> tuple[str, ...]:
        """The requirements that it breaks."""
        told = self._of(Standing.ALWAYS, Standing.NEWER)
        return tuple(dict.fromkeys(violation.rule for violation in told))

    def are_causes(self, causes: frozenset[Cause]) -> bool:
        """Whether a refusal may give these: whatever every server knows, and nothing that is not wrong."""
        known = {cause for violation in self.violations for cause in _ways(violation)}
        needed = map(_ways, self._of(Standing.ALWAYS))
        return bool(causes) and causes <= known and all(causes & ways for ways in needed)

    def _of(self, *standings: Standing) -> list[Violation]:
        return [violation for violation in self.violations if violation.standing in standings]


def _ways(violation: Violation) -> frozenset[Cause]:
    return frozenset({violation.cause, *violation.instead})


def admission_of(request: EndpointsRequest) -> Admission:
    """What may be answered to a request."""
    item, old = request.object, request.old
    code = CREATED if old is None else OK
    if isinstance(item, EndpointSlice):
        return Admission(code, slice_violations(item, old if isinstance(old, EndpointSlice) else None))
    return Admission(code, subset_violations(item, old if isinstance(old, Endpoints) else None))


def answer_endpoints(request: EndpointsRequest) -> ApiResponse:
    """The answer of a current Kubernetes API server."""
    admission = admission_of(request)
    if admission.may_be_refused:
        return ApiResponse(INVALID, causes=tuple(sorted(admission.causes)))
    return ApiResponse(admission.code)
