# SPDX-License-Identifier: Apache-2.0
"""The reference model: what a correct cluster does.

Pure functions over frozen classes, one module for each area (`selectors`,
`endpoints`, `routing`, `dns`, `environment`, `ports`).  Every docstring names
the requirement ids that the function implements; `kube-service-conformance
requirements ID` prints the sentence and the source of each.
"""
