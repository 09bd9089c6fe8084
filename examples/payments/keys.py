"""The key file of the example, and the keys and digests that are derived from it."""

from __future__ import annotations

import contextlib
import hmac
import os
import secrets
import tempfile
from pathlib import Path

import attrs


@attrs.frozen
class Keyring:
    """One secret, and a key of its own for each purpose. In earnest, the secret would live in a key service."""

    _secret: bytes = attrs.field(repr=False)

    @classmethod
    def open(cls, path: Path, /) -> Keyring:
        """Read the key file; the first start makes it, readable by its owner only."""
        if not path.exists():
            _make(path)
        return cls(path.read_bytes())

    def key(self, purpose: str, /) -> bytes:
        """Return the 64 bytes that belong to this purpose."""
        return hmac.new(self._secret, purpose.encode(), "sha512").digest()

    def digest(self, purpose: str, text: str, /) -> str:
        """Return a digest that can be compared but, without the key, not guessed: short secrets need that."""
        return hmac.new(self.key(purpose), text.encode(), "sha256").hexdigest()


def _make(path: Path) -> None:
    # Written under another name (0600) and linked when whole: a kill leaves the key or no key, a race leaves one.
    with tempfile.NamedTemporaryFile(dir=str(path.parent)) as draft:
        draft.write(secrets.token_bytes(32))
        draft.flush()
        os.fsync(draft.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(draft.name, str(path))
