# SPDX-License-Identifier: Apache-2.0
"""A second implementation, in the naive style of someone who knows Services from a tutorial."""
