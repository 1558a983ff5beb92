"""Decides whether an IP address belongs to the public internet."""

from __future__ import annotations

from ipaddress import AddressValueError, IPv4Address, IPv4Network, IPv6Address, IPv6Network

# The IANA special-purpose registries, written out: the meaning of `ipaddress`'s is_global has changed between
# patch releases of Python (CVE-2024-4032), and a guard must not depend on the release that runs it.
_NOT_PUBLIC_V4 = tuple(
    map(
        IPv4Network,
        (
            "0.0.0.0/8",  # this host
            "10.0.0.0/8",  # private
            "100.64.0.0/10",  # carrier-grade NAT
            "127.0.0.0/8",  # loopback
            "169.254.0.0/16",  # link-local, with the metadata and credentials services of AWS
            "172.16.0.0/12",  # private
            "192.0.0.0/24",  # protocol assignments
            "192.0.2.0/24",  # documentation
            "192.88.99.0/24",  # 6to4 relays
            "192.168.0.0/16",  # private
            "198.18.0.0/15",  # benchmarks
            "198.51.100.0/24",  # documentation
            "203.0.113.0/24",  # documentation
            "224.0.0.0/4",  # multicast
            "240.0.0.0/4",  # reserved, and broadcast
        ),
    )
)
# Any other address is loopback, unspecified, private, link-local or multicast, or it contains an IPv4 address
# (mapped, compatible, NAT64) that would need a check of its own.
_GLOBAL_UNICAST_V6 = IPv6Network("2000::/3")
_NOT_PUBLIC_V6 = tuple(
    map(
        IPv6Network,
        (
            "2001::/23",  # protocol assignments, including Teredo (it contains an IPv4 address)
            "2001:db8::/32",  # documentation
            "2002::/16",  # 6to4 (it contains an IPv4 address)
            "3fff::/20",  # documentation
        ),
    )
)


def is_public(address: str) -> bool:
    """True for an address of the public internet, written as getaddrinfo returns it."""
    try:
        v4 = IPv4Address(address)
    except AddressValueError:
        v6 = IPv6Address(address)
        return v6 in _GLOBAL_UNICAST_V6 and not any(v6 in network for network in _NOT_PUBLIC_V6)
    return not any(v4 in network for network in _NOT_PUBLIC_V4)
