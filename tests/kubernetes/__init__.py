# SPDX-License-Identifier: Apache-2.0
"""Kubernetes' own code as an implementation under test: a Go program, and what the suite says of it."""
