# SPDX-License-Identifier: Apache-2.0
"""Adapters: how an implementation under test is found, asked and kept within limits."""
