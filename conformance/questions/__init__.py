# SPDX-License-Identifier: Apache-2.0
"""The questions that are asked of a cluster, one module for each area that has any."""
