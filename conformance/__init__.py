# SPDX-License-Identifier: Apache-2.0
"""The judge: generates clusters, asks an implementation, compares, reports."""

DISTRIBUTION = "kube-service-conformance"
__version__ = "0.1.0"
