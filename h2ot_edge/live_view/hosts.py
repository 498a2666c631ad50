"""Which names a browser may call the page's server by."""

import ipaddress
import socket

__all__ = ["is_loopback", "name_of", "named_so"]


def named_so(header: str | None, host: str) -> bool:
    """Whether a request's Host header is a name of this server.

    A page of somebody else whose name was made to point here afterwards ("DNS rebinding") asks
    under that name, and must get nothing. An address cannot be pointed elsewhere.

    Args:
        header: `name` or `name:port`.
        host: that the server was told to listen at.
    """
    name = name_of(header or "")
    own = {"localhost", host.lower()}
    if not is_loopback(host):
        machine = socket.gethostname().lower()
        own |= {machine, f"{machine}.local"}
    return name in own or _is_address(name)


def name_of(header: str) -> str:
    """Without the port, and without the brackets of an IPv6 address."""
    if header.startswith("["):
        return header[1:].partition("]")[0]
    return header.partition(":")[0].lower()


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach it."""
    if host == "localhost":
        return True
    return _is_address(host) and ipaddress.ip_address(host).is_loopback


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
