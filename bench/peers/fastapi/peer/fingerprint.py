"""Keyed fingerprints: HMAC-SHA-256 under a key per purpose; and cursors, which contain one."""

import base64
import binascii
import hmac
import struct
import uuid
from datetime import UTC, datetime, timedelta
from ipaddress import IPv6Address, ip_address

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
POSITION = struct.Struct(">q16s")


def encode(data):
    """base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class FingerprintKey:
    """The key of one purpose, derived from the configured secret."""

    def __init__(self, root, purpose):
        self._key = hmac.digest(root.encode(), purpose, "sha256")

    def fingerprint(self, value):
        return hmac.digest(self._key, value, "sha256")


def network_of(address):
    """The bytes of an IPv4 address, or of an IPv6 /64."""
    address = ip_address(address)
    if isinstance(address, IPv6Address):
        mapped = address.ipv4_mapped
        return mapped.packed if mapped else address.packed[:8] + bytes(8)
    return address.packed


class CursorKey:
    """Authenticates cursors: the position after which a page begins."""

    def __init__(self, root):
        self._key = FingerprintKey(root, b"cursor")

    def seal(self, created_at, user_id):
        micros = (created_at - EPOCH) // MICROSECOND
        position = POSITION.pack(micros, uuid.UUID(user_id).bytes)
        return encode(position + self._key.fingerprint(position))

    def open(self, cursor):
        """Creation time and id, or None if the cursor was not made with this key."""
        try:
            data = base64.urlsafe_b64decode(cursor + "==")
        except (binascii.Error, ValueError):
            return None
        position, tag = data[: POSITION.size], data[POSITION.size :]
        if not hmac.compare_digest(tag, self._key.fingerprint(position)):
            return None
        micros, user_id = POSITION.unpack(position)
        return EPOCH + micros * MICROSECOND, str(uuid.UUID(bytes=user_id))
