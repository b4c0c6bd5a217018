"""Finds the project's code that a program can reach, and hashes each piece without comments and docstrings.

The unit is a *definition*: a function, a class without its methods, a method, or an assignment at the top of a module.
A definition reaches the ones whose names it uses. A method counts once its class is reached and its name is used on
anything at all, so the answer errs towards too much. Nothing is imported or run: all of this is read from the text.

What a name cannot tell (a module imported by a name made at run time) is handed in as `dynamic`; see
pipeline/graph/fingerprint.py.
"""

import ast
import hashlib
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from hacm.files import write_json

PACKAGES = ("hacm", "pipeline", "stages")
FORMAT = f"1 {sys.version_info.major}.{sys.version_info.minor}"
"""Of the index on disk; the text that Python makes of a syntax tree differs between its versions."""

ACCESSORS = frozenset({"property", "cached_property", "staticmethod", "classmethod", "contextmanager", "overload"})
"""Decorators under which a method is still reached only by its name."""

TEMPLATE = ".jinja"

BODY = "<module>"
"""The name of what a module does when it is imported, apart from defining things."""


@dataclass(frozen=True)
class Definition:
    """A piece of code. digest: of its text without comments and docstrings.

    names: dotted names that it uses. attributes: names that it asks of any object. imports: what it imports itself, as
    Module.imports. files: string constants that look like the name of a file. always: of a method, that it may be
    called without its name (by Python, a decorator or a base class from outside the project).
    """

    digest: str
    names: tuple[str, ...]
    attributes: tuple[str, ...]
    imports: Mapping[str, tuple[str, str]]
    files: tuple[str, ...]
    bases: tuple[str, ...] = ()
    always: bool = True


@dataclass(frozen=True)
class Module:
    """A module's definitions by name (`Class.method` for methods), and what its imports bind.

    imports: by bound name (module, attribute); the attribute is empty where the module itself is bound.
    """

    definitions: Mapping[str, Definition]
    imports: Mapping[str, tuple[str, str]]

    @cached_property
    def methods(self) -> Mapping[str, tuple[str, ...]]:
        """Methods by class."""
        found: dict[str, list[str]] = {}
        for name in self.definitions:
            if "." in name:
                found.setdefault(name.split(".")[0], []).append(name)
        return {name: tuple(methods) for name, methods in found.items()}


@dataclass
class Reach:
    """What a program reaches. code: digest by `module:definition`. attributes: names asked of objects. files: paths of
    data files whose names its code states, by digest."""

    code: dict[str, str] = field(default_factory=dict)
    attributes: set[str] = field(default_factory=set)
    files: dict[str, str] = field(default_factory=dict)


Target = tuple[str, str]
"""A definition: module, name. The name is `*` for all that the module defines."""

Dynamic = Mapping[Target, Iterable[Target]]
"""What a definition reaches without naming it."""


class Code:
    """The project's modules, each read once and remembered in `index` (a file) until it changes."""

    def __init__(self, root: Path = Path(), index: Path | None = None) -> None:
        self.root, self.index = root, index
        self._modules: dict[str, Module | None] = {}
        self._kept: dict[str, Any] = _read_index(index)
        self._fresh = False

    def reach(
        self, start: Iterable[Target], dynamic: Dynamic | None = None, ignored: Callable[[str, str], bool] | None = None
    ) -> Reach:
        """What the definitions `start` reach. ignored: definitions that do not count and are not followed."""
        search = _Search(self, dynamic or {}, ignored or (lambda module, name: False))
        found = search.run(start)
        self._keep()
        return found

    def path_of(self, module: str) -> Path | None:
        """The file of a module of the project, relative to its top folder; None if there is none."""
        base = Path(*module.split("."))
        if base.parts[0] not in PACKAGES:
            return None
        for path in (base.with_suffix(".py"), base / "__init__.py"):
            if (self.root / path).is_file():
                return path
        return None

    def module(self, name: str) -> Module | None:
        """A module of the project; None if there is none of that name."""
        if name not in self._modules:
            path = self.path_of(name)
            self._modules[name] = self._read(path) if path else None
        return self._modules[name]

    @cached_property
    def data_files(self) -> dict[str, list[Path]]:
        """Files of the packages that are no Python code, by name."""
        found: dict[str, list[Path]] = {}
        for package in PACKAGES:
            for path in sorted((self.root / package).rglob("*")):
                if path.is_file() and path.suffix not in {".py", ".pyc"}:
                    found.setdefault(path.name, []).append(path.relative_to(self.root))
        return found

    def _read(self, path: Path) -> Module:
        content = (self.root / path).read_bytes()
        digest = hashlib.blake2b(content, digest_size=16).hexdigest()
        kept = self._kept.get(path.as_posix())
        if kept is None or kept["digest"] != digest:
            package = path.parts[:-1]
            kept = {"digest": digest, **_describe(content, package)}
            self._kept[path.as_posix()] = kept
            self._fresh = True
        return _restore(kept)

    def _keep(self) -> None:
        if self._fresh and self.index:
            write_json(self.index, {"format": FORMAT, "modules": self._kept})
            self._fresh = False


class _Search:
    """A walk from definition to definition, until nothing new turns up."""

    def __init__(self, code: Code, dynamic: Dynamic, ignored: Callable[[str, str], bool]) -> None:
        self.code, self.dynamic, self.ignored = code, dynamic, ignored
        self.found = Reach()
        self._waiting: list[Target] = []
        self._imported: set[str] = set()
        self._pending: dict[str, list[Target]] = {}
        """Methods of reached classes whose names nobody has used so far, by name."""

    def run(self, start: Iterable[Target]) -> Reach:
        for target in start:
            self._visit(*target)
        while self._waiting:
            self._expand(*self._waiting.pop())
        return self.found

    def _visit(self, module: str, name: str) -> None:
        """Count a definition as reached; what is no definition of the project is passed over."""
        content = self.code.module(module)
        if content is None or self.ignored(module, name):
            return
        if name == "*":
            self._import(module)
            for one in content.definitions:
                self._visit(module, one)
        elif name in content.definitions:
            if f"{module}:{name}" not in self.found.code:
                self.found.code[f"{module}:{name}"] = content.definitions[name].digest
                self._import(module)
                self._waiting.append((module, name))
        elif name in content.imports:
            self._follow(*content.imports[name])

    def _expand(self, module: str, name: str) -> None:
        content = self.code.module(module)
        assert content is not None
        one = content.definitions[name]
        bound = {**content.imports, **one.imports}
        for dotted in one.names:
            self._resolve(module, content, bound, dotted.split("."))
        self._use(one.attributes)
        for file in one.files:
            self._open(file)
        for target in self.dynamic.get((module, name), ()):
            self._visit(*target)
        if name in content.methods:
            self._enter_class(module, content, name)

    def _open(self, file: str) -> None:
        """A data file whose name is stated; what a template asks of objects, and what it includes, counts as well."""
        for path in self.code.data_files.get(Path(file).name, ()):
            if path.as_posix() not in self.found.files:
                self.found.files[path.as_posix()] = _hash_file(self.code.root / path)
                if path.suffix == TEMPLATE:
                    text = (self.code.root / path).read_text(encoding="utf-8")
                    self._use(re.findall(r"\.([A-Za-z_]\w*)", text))
                    for inner in re.findall(r"""["']([\w./-]+\.\w+)["']""", text):
                        self._open(inner)

    def _enter_class(self, module: str, content: Module, name: str) -> None:
        outside = self._has_outside_base(module, name)
        for method in content.methods[name]:
            short = method.split(".")[1]
            if outside or content.definitions[method].always or short in self.found.attributes:
                self._visit(module, method)
            else:
                self._pending.setdefault(short, []).append((module, method))

    def _has_outside_base(self, module: str, name: str) -> bool:
        """Whether a class has a base from outside the project, which may call any of its methods."""
        content = self.code.module(module)
        if content is None or name not in content.definitions:
            return True
        bases = content.definitions[name].bases
        return any(self._is_outside(content, module, base) for base in bases)

    def _is_outside(self, content: Module, module: str, base: str) -> bool:
        if base in content.definitions:
            return self._has_outside_base(module, base)
        target = content.imports.get(base)
        return target is None or self._has_outside_base(*target)

    def _use(self, attributes: Iterable[str]) -> None:
        for attribute in attributes:
            if attribute not in self.found.attributes:
                self.found.attributes.add(attribute)
                for target in self._pending.pop(attribute, ()):
                    self._visit(*target)

    def _resolve(self, module: str, content: Module, bound: Mapping[str, tuple[str, str]], parts: list[str]) -> None:
        first, *rest = parts
        if first in bound:
            self._follow(*bound[first], rest)
        elif first in content.definitions:
            self._visit(module, first)

    def _follow(self, module: str, attribute: str, rest: Iterable[str] = ()) -> None:
        """A name that an import binds, and the attributes that are asked of it."""
        parts = [part for part in (attribute, *rest) if part]
        while parts and self.code.module(f"{module}.{parts[0]}") is not None:
            module = f"{module}.{parts.pop(0)}"
        self._visit(module, parts[0] if parts else "*")

    def _import(self, module: str) -> None:
        """What importing a module runs: its own statements, and those of the modules that it imports."""
        waiting = [module]
        while waiting:
            name = waiting.pop()
            content = self.code.module(name)
            if name in self._imported or content is None or self.ignored(name, BODY):
                continue
            self._imported.add(name)
            parent = name.rpartition(".")[0]
            waiting += [parent] if parent else []
            for target, attribute in content.imports.values():
                waiting += [target, f"{target}.{attribute}"]
            if BODY in content.definitions:
                self._visit(name, BODY)


def _hash_file(path: Path) -> str:
    return hashlib.blake2b(path.read_bytes(), digest_size=16).hexdigest()


# ---------------------------------------------------------------------------------------------- reading one module


def _describe(content: bytes, package: tuple[str, ...]) -> dict[str, Any]:
    """A module as JSON can hold it: the inverse of `_restore`."""
    tree = ast.parse(content)
    _drop_docstrings(tree)
    imports: dict[str, tuple[str, str]] = {}
    definitions: dict[str, Any] = {}
    rest: list[ast.stmt] = []
    for statement in _flatten(tree.body):
        if isinstance(statement, ast.Import | ast.ImportFrom):
            imports |= _bindings(statement, package)
        elif isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
            definitions[statement.name] = _definition(statement, package)
        elif isinstance(statement, ast.ClassDef):
            definitions |= _class(statement, package)
        elif names := _assigned(statement):
            one = _definition(statement, package)
            definitions |= dict.fromkeys(names, one)
        else:
            rest.append(statement)
    if rest:
        definitions[BODY] = _definition(ast.Module(rest, []), package)
    return {"imports": imports, "definitions": definitions}


def _restore(kept: Mapping[str, Any]) -> Module:
    definitions: dict[str, Definition] = {}
    for name, one in kept["definitions"].items():
        parts: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in one.items()}
        definitions[name] = Definition(**parts)
    return Module(definitions, {name: (target[0], target[1]) for name, target in kept["imports"].items()})


def _drop_docstrings(tree: ast.AST) -> None:
    """Take out every statement that is a mere text: of modules, classes, functions, and behind assignments."""
    for node in ast.walk(tree):
        for part in ("body", "orelse", "finalbody"):
            statements = getattr(node, part, None)
            if isinstance(statements, list):
                kept = [one for one in statements if not _is_text(one)]
                emptied = part == "body" and not kept and not isinstance(node, ast.Module)
                setattr(node, part, [ast.Pass()] if emptied else kept)


def _is_text(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def _flatten(statements: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements at the top of a module; those under an `if` or `try` too, and its condition by itself."""
    for statement in statements:
        if isinstance(statement, ast.If) and not _is_main_guard(statement):
            if ast.unparse(statement.test) != "TYPE_CHECKING":
                yield ast.Expr(statement.test)
            yield from _flatten([*statement.body, *statement.orelse])
        elif isinstance(statement, ast.Try):
            handlers = [one for handler in statement.handlers for one in handler.body]
            yield from _flatten([*statement.body, *handlers, *statement.orelse, *statement.finalbody])
        elif not isinstance(statement, ast.If | ast.Pass):
            yield statement


def _is_main_guard(statement: ast.If) -> bool:
    """`if __name__ == "__main__"`: a stage starts at its `main`, which is named."""
    return ast.unparse(statement.test) == "__name__ == '__main__'"


def _assigned(statement: ast.stmt) -> list[str]:
    """Names that an assignment at the top of a module defines; none for any other statement."""
    if isinstance(statement, ast.Assign):
        targets = statement.targets
    elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
        targets = [statement.target]
    else:
        return []
    names = [node for target in targets for node in ast.walk(target) if isinstance(node, ast.Name)]
    plain = all(isinstance(node, ast.Name | ast.Tuple | ast.Starred) for target in targets for node in [target])
    return [node.id for node in names] if plain else []


def _bindings(statement: ast.Import | ast.ImportFrom, package: tuple[str, ...]) -> dict[str, tuple[str, str]]:
    if isinstance(statement, ast.Import):
        plain = {one.name.split(".")[0]: (one.name.split(".")[0], "") for one in statement.names if not one.asname}
        return plain | {one.asname: (one.name, "") for one in statement.names if one.asname}
    above = package[: len(package) - statement.level + 1] if statement.level else ()
    module = ".".join([*above, *([statement.module] if statement.module else [])])
    return {one.asname or one.name: (module, one.name) for one in statement.names}


def _class(node: ast.ClassDef, package: tuple[str, ...]) -> dict[str, Any]:
    """A class without its methods, and each of its methods."""
    functions = [one for one in node.body if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)]
    shell = ast.ClassDef(**{name: getattr(node, name) for name in node._fields})
    shell.body = [one for one in node.body if one not in functions] or [ast.Pass()]
    found = {node.name: _definition(shell, package) | {"bases": [ast.unparse(base) for base in node.bases]}}
    for function in functions:
        name = f"{node.name}.{function.name}"
        one = _definition(function, package) | {"always": _may_be_called_unnamed(function)}
        if name in found:  # a property with a setter: one name, two functions
            one["digest"] = _digest(found[name]["digest"] + one["digest"])
            for part in ("names", "attributes", "files"):
                one[part] = sorted({*found[name][part], *one[part]})
        found[name] = one
    return found


def _may_be_called_unnamed(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    special = function.name.startswith("__") and function.name.endswith("__")
    decorators = {ast.unparse(one).split("(")[0].split(".")[-1] for one in function.decorator_list}
    return special or bool(decorators - ACCESSORS - {"setter"})


def _definition(node: ast.AST, package: tuple[str, ...]) -> dict[str, Any]:
    uses = _Uses(package)
    uses.visit(node)
    return {
        "digest": _digest(ast.unparse(node)),
        "names": sorted(uses.names),
        "attributes": sorted(uses.attributes),
        "imports": uses.imports,
        "files": sorted(uses.files),
    }


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


FILE_NAME = re.compile(r"[\w./-]*[\w-]+\.[a-z0-9]{1,8}")


class _Uses(ast.NodeVisitor):
    """The names, attributes, imports and file names in a piece of code."""

    def __init__(self, package: tuple[str, ...]) -> None:
        self.package = package
        self.names: set[str] = set()
        self.attributes: set[str] = set()
        self.imports: dict[str, tuple[str, str]] = {}
        self.files: set[str] = set()

    def visit_Name(self, node: ast.Name) -> None:
        self.names.add(node.id)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        self.attributes.add(node.attr)
        parts = [node.attr]
        value = node.value
        while isinstance(value, ast.Attribute):
            self.attributes.add(value.attr)
            parts.append(value.attr)
            value = value.value
        if isinstance(value, ast.Name):
            self.names.add(".".join([value.id, *reversed(parts)]))
        else:
            self.visit(value)

    def visit_Call(self, node: ast.Call) -> None:
        named = isinstance(node.func, ast.Name) and node.func.id in {"getattr", "hasattr", "attrgetter", "methodcaller"}
        if named:
            texts = (one.value for one in node.args if isinstance(one, ast.Constant))
            self.attributes |= {text for text in texts if isinstance(text, str)}
        self.generic_visit(node)

    def visit_MatchClass(self, node: ast.MatchClass) -> None:
        self.attributes.update(node.kwd_attrs)
        self.generic_visit(node)

    def visit_Import(self, node: ast.Import) -> None:
        self.imports |= _bindings(node, self.package)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        self.imports |= _bindings(node, self.package)

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str) and FILE_NAME.fullmatch(node.value):
            self.files.add(node.value)


def _read_index(path: Path | None) -> dict[str, Any]:
    try:
        kept = json.loads(path.read_text(encoding="utf-8")) if path else {}
        return dict(kept["modules"]) if kept.get("format") == FORMAT else {}
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, KeyError, TypeError, AttributeError):
        return {}  # kept for speed only
