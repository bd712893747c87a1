# SPDX-License-Identifier: Apache-2.0
"""Proves the model and the judge: unit tests, a naive implementation, real ones later."""
