"""Every statement that the app sends to its database, by subject."""

from __future__ import annotations

from typing import Any, TypeAlias

from sqlalchemy import Row, Select

Query: TypeAlias = Select[*tuple[Any, ...]]
Record: TypeAlias = Row[*tuple[Any, ...]]
"""A row with whatever columns its query selects, by name."""
