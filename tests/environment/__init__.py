# SPDX-License-Identifier: Apache-2.0
"""The area `environment`: the model, and the invariants against planted faults."""
