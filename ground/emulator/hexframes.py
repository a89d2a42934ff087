"""Frames that a user gives to the attacker: lines of hex."""

from __future__ import annotations

LONGEST = 16_384  # octets; as hex in JSON it fits a line of the control socket
MOST = 1000  # frames in a file


class HexFrameError(ValueError):
    """No frames in hex."""


def parse_frame(text: str) -> bytes:
    """One frame; blanks between octets are allowed. Raises HexFrameError."""
    try:
        frame = bytes.fromhex(text)
    except ValueError as error:
        raise HexFrameError(f"no frame in hex: {text[:20]!r}") from error
    if not 0 < len(frame) <= LONGEST:
        raise HexFrameError(f"a frame has 1 to {LONGEST} octets, not {len(frame)}")
    return frame


def parse_frames(text: str) -> list[bytes]:
    """One frame a line; ``#`` begins a comment. Raises HexFrameError, which names the line."""
    found: list[bytes] = []
    for number, line in enumerate(text.splitlines(), 1):
        content = line.partition("#")[0].strip()
        if not content:
            continue
        try:
            found.append(parse_frame(content))
        except HexFrameError as error:
            raise HexFrameError(f"line {number}: {error}") from error
        if len(found) > MOST:
            raise HexFrameError(f"more than {MOST} frames")
    if not found:
        raise HexFrameError("no frames")
    return found
