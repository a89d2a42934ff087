"""The file behind a sender: what is read, and the checksum of what was sent."""

from __future__ import annotations

from flight.link.cfdp.checksum import Checksum
from flight.link.cfdp.codes import ChecksumType
from flight.link.cfdp.filestore import Readable

_BLOCK = 1 << 16


class Source:
    """Reads a file front to back, and parts of it again; `sent` octets were read in order."""

    def __init__(self, data: Readable, kind: ChecksumType) -> None:
        self.sent = 0
        self.size = data.size
        self._data = data
        self._kind = kind
        self._checksum = Checksum(kind)

    def advance(self, most: int) -> bytes:
        """The next octets of the file, `most` at most; raises `OSError`."""
        data = self.read(self.sent, min(most, self.size - self.sent))
        self._checksum.update(data)
        self.sent += len(data)
        return data

    def skip(self, octets: int) -> None:
        """Take `octets` as sent in an earlier life; raises `OSError`."""
        while self.sent < octets:
            self.advance(min(_BLOCK, octets - self.sent))

    def read(self, start: int, octets: int) -> bytes:
        """Exactly `octets` octets from `start`; raises `OSError`."""
        data = self._data.read(start, octets)
        if len(data) != octets:
            raise OSError("the source is shorter than it was")
        return data

    def checksum(self) -> int:
        """Checksum of the whole file once all is sent; raises `OSError`.

        CRC-32C is that of the source itself, so that octets misread on the way out are noticed.
        """
        if self._kind is ChecksumType.CRC_32C:
            return self._data.checksum()
        return self._checksum.value()

    def partial_checksum(self) -> int:
        """Checksum of the octets sent."""
        return self._checksum.value()
