# SPDX-License-Identifier: Apache-2.0
"""Systematic mutants: independent copies of the model with one small change each, judged by the suite."""
