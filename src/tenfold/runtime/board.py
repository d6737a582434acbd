"""What a master and its forked workers tell each other, in memory that they share.

Every number has one writer: the master writes the order, each worker its own row. So nothing needs
a lock across processes, and what a killed worker wrote last can still be read.
"""

from __future__ import annotations

import mmap
from typing import Final

ERROR_BYTES: Final = 1 << 16
_HEADER: Final = 8
_ROW: Final = 8

IMPORT: Final = 0
ACCEPT: Final = 1
LEAVE: Final = 2
HOLD: Final = 3
_ORDERS: Final = 4


class Board:
    """Made by the master before the first fork, for at most ``rows`` workers at once."""

    def __init__(self, rows: int) -> None:
        self.rows = rows
        self._cells = (_HEADER + rows * _ROW) * 8
        self._memory = mmap.mmap(-1, self._cells + ERROR_BYTES)
        self._numbers = memoryview(self._memory)[: self._cells].cast("q")

    @property
    def order(self) -> int:
        """:data:`IMPORT`, :data:`ACCEPT`, :data:`HOLD` or :data:`LEAVE`."""
        return order_of(self._numbers[0])

    @order.setter
    def order(self, value: int) -> None:
        self._numbers[0] += _ORDERS - self.order + value

    @property
    def serial(self) -> int:
        """The order together with a number that no other order has had: see :func:`order_of`.

        A worker repeats it to say which order it obeys, so no hold is taken for an earlier one.
        """
        return self._numbers[0]

    @property
    def ending(self) -> bool:
        """Whether endless responses shall end, those that begin from now on included."""
        return bool(self._numbers[1])

    @ending.setter
    def ending(self, value: bool) -> None:
        self._numbers[1] = value

    @property
    def closing(self) -> bool:
        """Whether answers shall carry ``Connection: close``."""
        return bool(self._numbers[3])

    @closing.setter
    def closing(self, value: bool) -> None:
        self._numbers[3] = value

    @property
    def gated(self) -> bool:
        """Whether requests that come on kept connections wait as well."""
        return bool(self._numbers[5])

    @gated.setter
    def gated(self, value: bool) -> None:
        self._numbers[5] = value

    @property
    def closes(self) -> int:
        """How many times the endless responses of that moment were told to end."""
        return self._numbers[4]

    @closes.setter
    def closes(self, value: int) -> None:
        self._numbers[4] = value

    @property
    def error(self) -> str:
        """What the first worker that could not start wrote, or nothing."""
        length = self._numbers[2]
        return bytes(self._memory[self._cells : self._cells + length]).decode("utf-8", "replace")

    @error.setter
    def error(self, text: str) -> None:
        if self._numbers[2] == 0:
            data = text.encode("utf-8", "replace")[:ERROR_BYTES]
            self._memory[self._cells : self._cells + len(data)] = data
            self._numbers[2] = len(data)

    def row(self, number: int) -> Row:
        """The row of one worker."""
        start = _HEADER + number * _ROW
        return Row(self._numbers[start : start + _ROW])

    def total(self, column: int) -> int:
        """The sum of one column over all rows."""
        return sum(self._numbers[_HEADER + column :: _ROW])


def order_of(serial: int) -> int:
    """The order in a :attr:`Board.serial`."""
    return serial % _ORDERS


class Row:
    """One worker's numbers. ``requests`` goes on counting when another worker takes the row.

    ``OLDEST`` is when the oldest request in flight began, in microseconds of ``perf_counter``,
    which is one clock for all processes; 0 if there is none. ``OBEYED`` is the serial of the hold
    because of which the worker does not accept.
    """

    BOOTED: Final = 0
    CONNECTIONS: Final = 1
    ACTIVE: Final = 2
    REQUESTS: Final = 3
    IDLE: Final = 4
    OLDEST: Final = 5
    OBEYED: Final = 6

    __slots__ = ("cells",)

    def __init__(self, cells: memoryview[int]) -> None:
        self.cells = cells

    def clear(self) -> None:
        """Forget the worker that had this row, but not its requests."""
        for column in range(_ROW):
            if column != self.REQUESTS:
                self.cells[column] = 0
