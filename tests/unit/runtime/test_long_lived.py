from __future__ import annotations

import struct

from hypothesis import given
from hypothesis import strategies as st

from tenfold.runtime.long_lived import Frames


def frame(payload: bytes, *, masked: bool = False) -> bytes:
    """A text frame as RFC 6455, section 5.2, has it."""
    mask = 0x80 if masked else 0
    size = len(payload)
    if size < 126:
        head = bytes([0x81, mask | size])
    elif size < 1 << 16:
        head = bytes([0x81, mask | 126]) + struct.pack("!H", size)
    else:
        head = bytes([0x81, mask | 127]) + struct.pack("!Q", size)
    return head + (b"mask" if masked else b"") + payload


sizes = st.one_of(st.integers(0, 300), st.sampled_from([125, 126, 65535, 65536, 70000]))


@given(st.lists(st.tuples(sizes, st.booleans()), max_size=5), st.data())
def test_only_behind_the_last_byte_of_a_frame_one_is_between_two(
    given_frames: list[tuple[int, bool]], data: st.DataObject
) -> None:
    stream, ends = b"", {0}
    for size, masked in given_frames:
        stream += frame(bytes(size), masked=masked)
        ends.add(len(stream))
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=6))
    frames, at = Frames(), 0
    for cut in sorted({*cuts, len(stream)}):
        frames.pass_on(stream[at:cut])
        at = cut
        assert frames.is_between == (at in ends)
