# SPDX-License-Identifier: Apache-2.0
"""CoreDNS from its published module, judged."""
