# SPDX-License-Identifier: Apache-2.0
"""Hypothesis strategies: clusters, and the inputs that need no cluster."""
