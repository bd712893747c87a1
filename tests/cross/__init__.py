# SPDX-License-Identifier: Apache-2.0
"""The agreement between areas, the model as a whole, and the reference adapter."""
