"""Where a source has the address of a server from: a variable, or the code itself. Pure."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from tenfold.doctor.facts import AppFacts
from tenfold.doctor.reading import keyword, text
from tenfold.doctor.settings import assumed, chain, is_aside, variable_of
from tenfold.spec.detect.project import Module

How = Literal["required", "default", "optional"]
_LOCAL: Final = re.compile(r"localhost|127\.[\d.]+|\[?::1\]?|redis|valkey", re.IGNORECASE)
_URL: Final = re.compile(
    r"(?:redis|rediss|valkey|valkeys)://(?:[^@/]*@)?(\[[^\]]*\]|[^:/?]*)", re.IGNORECASE
)
_CLIENTS: Final = re.compile(
    r"(?:redis|valkey)(?:\.asyncio)?(?:\.client)?\.(?:Strict)?(?:Redis|Valkey)"
)
_PORT: Final = 6379


@dataclass(frozen=True, slots=True)
class Named:
    """A place that names a Redis of this host; ``variable`` is what it stands in for."""

    where: str
    variable: str | None = None


def readings(facts: AppFacts, name: str) -> Iterator[tuple[str, How]]:
    """Places that read a variable, and whether they can do without."""
    for module in _served(facts):
        if name not in module.text.upper():
            continue
        guarded = re.search(rf"""["']{name}["'] (?:not )?in """, module.text) is not None
        for node in ast.walk(module.tree):
            for found, how in _reading(node, name, module):
                yield facts.at(module, found), "optional" if guarded else how


def _reading(node: ast.AST, name: str, module: Module) -> Iterator[tuple[ast.AST, How]]:
    match node:
        case ast.ClassDef(bases=bases) if any(ast.unparse(b).endswith("Settings") for b in bases):
            if "env_prefix" not in module.text:
                yield from _fields(node, name)
        case ast.Subscript() | ast.Call():
            asked = variable_of(node)
            if asked is not None and asked[0] == name:
                yield node, _how(node, asked[1])


def _fields(owner: ast.ClassDef, name: str) -> Iterator[tuple[ast.AST, How]]:
    """Fields of pydantic's settings, which read the variable of their name."""
    for node in owner.body:
        match node:
            case ast.AnnAssign(target=ast.Name(id=field), value=default) if field.upper() == name:
                if default is None:
                    yield node, "required"
                else:
                    yield node, "default" if text(default) else "optional"


def _how(node: ast.expr, default: ast.expr | None) -> How:
    if default is not None:
        return "default" if text(default) else "optional"
    is_get = isinstance(node, ast.Call) and ast.unparse(node.func).endswith(
        (".get", "getenv", "pop")
    )
    return "optional" if is_get else "required"


def _served(facts: AppFacts) -> Iterator[Module]:
    """Modules that serve: of a Django project's settings only those that it serves with."""
    read = chain(facts)
    folders = {m.path.parent for m in read if m.path.parent.name == "settings"}
    for module in facts.modules:
        if module in read or (module.path.parent not in folders and not is_aside(module)):
            yield module


def named_in(facts: AppFacts) -> Iterator[Named]:
    """Places of the source that name a Redis of this host, or stand in with one."""
    for module in _served(facts):
        lowered = module.text.lower()
        if "redis" in lowered or "valkey" in lowered:
            yield from _Places(facts, module).within(module.tree)


@dataclass(frozen=True)
class _Places:
    """Walks a module and knows what each text stands in for."""

    facts: AppFacts
    module: Module

    def within(self, node: ast.AST, variable: str | None = None) -> Iterator[Named]:
        """The places below a node, where ``variable`` is what it stands in for."""
        match node:
            case ast.Expr(value=ast.Constant()) | ast.Compare() | ast.arguments():
                return
            case ast.Constant(value=str(found)):
                if _is_here(found):
                    yield Named(self.facts.at(self.module, node), variable)
                return
            case ast.AnnAssign(target=ast.Name(id=name)) if node.col_offset:
                variable = name.upper()  # a field of a class that reads the environment
            case ast.Call() if self._connects_here(node):
                yield Named(self.facts.at(self.module, node), self._of_host(node))
                return
            case ast.Tuple(elts=[ast.Constant(value=str(host)), ast.Constant(value=port)]):
                if port == _PORT and _LOCAL.fullmatch(host):
                    yield Named(self.facts.at(self.module, node), variable)
            case ast.Dict() if _is_table(node):
                yield Named(self.facts.at(self.module, node), variable)
        inner = self._stands_in(node)
        for child in ast.iter_child_nodes(node):
            yield from self.within(child, inner or variable)

    def _stands_in(self, node: ast.AST) -> str | None:
        match node:
            case ast.Call():
                asked = variable_of(node)
            case ast.BoolOp(values=[first, *_]) | ast.IfExp(body=first):
                found = (variable_of(n) for n in ast.walk(first) if isinstance(n, ast.expr))
                asked = next(filter(None, found), None)
            case _:
                return None
        return asked[0] if asked else None

    def _connects_here(self, call: ast.Call) -> bool:
        if not _CLIENTS.fullmatch(self.module.origin(call.func) or ""):
            return False
        if any(
            k.arg is None or k.arg in ("connection_pool", "unix_socket_path") for k in call.keywords
        ):
            return False
        host = self._host(call)
        found = "localhost" if host is None else assumed(host, self.facts.given)
        return isinstance(found, str) and _LOCAL.fullmatch(found) is not None

    def _of_host(self, call: ast.Call) -> str | None:
        host = self._host(call)
        return self._stands_in(host) if host is not None else None

    def _host(self, call: ast.Call) -> ast.expr | None:
        return call.args[0] if call.args else keyword(call, "host")


def _is_here(url: str) -> bool:
    found = _URL.match(url)
    return found is not None and (found[1] == "" or _LOCAL.fullmatch(found[1]) is not None)


def _is_table(node: ast.Dict) -> bool:
    """``{"HOST": "localhost", "PORT": 6379}``, as django-rq has it."""
    pairs = {
        str(key.value).lower(): value.value
        for key, value in zip(node.keys, node.values, strict=True)
        if isinstance(key, ast.Constant) and isinstance(value, ast.Constant)
    }
    host = pairs.get("host")
    return pairs.get("port") == _PORT and isinstance(host, str) and bool(_LOCAL.fullmatch(host))
