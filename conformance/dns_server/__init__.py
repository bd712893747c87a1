# SPDX-License-Identifier: Apache-2.0
"""A cluster DNS server is judged by what it answers over UDP and TCP.

Needs the extra `dns-server`; nothing else of `conformance` imports it.
"""
