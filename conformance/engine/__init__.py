# SPDX-License-Identifier: Apache-2.0
"""The engine: one survey over generated clusters, then a shrink for each invariant that failed."""
