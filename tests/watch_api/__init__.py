# SPDX-License-Identifier: Apache-2.0
"""The API server for programs that list and watch."""
