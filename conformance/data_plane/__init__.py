# SPDX-License-Identifier: Apache-2.0
"""A network of namespaces in which a service proxy that programs the kernel is judged with real packets.

Linux only, and needs the extra `data-plane`; nothing else of `conformance` imports it.
"""
