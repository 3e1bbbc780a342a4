"""Who may call whom in src/modelway, read from its syntax trees and erring on the side of "may".

A function reaches every function that its body names: by an import, by `module.function`, as `self.method`, or, for
any other `value.name` and `getattr(value, "name")`, every method of that name in the package. A class that is named may
have each method run that Python or a decorator calls unasked: `__enter__`, a validator. A property is a method that is
only named. Bases, decorators and defaults count as the body. Module-level code runs on import, so it counts for every
function of the module. What is called by a text that is made as the program runs cannot be followed: it is noted as
`dynamic`.
"""

from __future__ import annotations

import ast
import builtins
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeGuard

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
PACKAGE = Path(__file__).parents[3] / "src"
# What starts another program or runs text as code. A module is listed whole where every use of it does.
STARTERS = {
    "subprocess": {"run", "Popen", "call", "check_call", "check_output", "getoutput", "getstatusoutput"},
    "os": {
        *("system", "popen", "fork", "forkpty", "posix_spawn", "posix_spawnp", "startfile"),
        *(f"{kind}{how}" for kind in ("exec", "spawn") for how in ("l", "le", "lp", "lpe", "v", "ve", "vp", "vpe")),
    },
    "pty": {"spawn", "fork"},
    "runpy": {"run_path", "run_module"},
    "importlib": {"import_module", "reload"},
    "importlib.util": {"module_from_spec", "spec_from_file_location"},
    "multiprocessing": {"Process", "Pool"},
    "asyncio": {"create_subprocess_exec", "create_subprocess_shell"},
    "pickle": {"load", "loads", "Unpickler"},
    "marshal": {"load", "loads"},
    "joblib": {"load"},
    "cloudpickle": {"load", "loads"},
    "yaml": {"load", "unsafe_load", "full_load"},
}
# What reaches a function by a text.
DYNAMIC = {
    "": {"getattr", "setattr", "globals", "locals", "vars", "__builtins__"},
    "operator": {"attrgetter", "methodcaller"},
    "types": {"FunctionType", "MethodType", "CodeType"},
    "sys": {"modules"},
    "importlib": {"import_module", "reload"},
    "importlib.metadata": {"entry_points", "EntryPoint"},
    "pkgutil": {"resolve_name"},
}
DYNAMIC_ATTRIBUTES = {"__dict__", "__getattribute__", "__subclasses__", "__globals__", "__code__", "__builtins__"}
CODE = {"exec", "eval", "compile", "__import__"} & set(dir(builtins))


@dataclass
class Function:
    """One function, class or module: what it names, and what of that starts a program or cannot be followed."""

    name: str
    reaches: set[str] = field(default_factory=set)
    methods: set[str] = field(default_factory=set)
    starts: set[str] = field(default_factory=set)
    dynamic: set[str] = field(default_factory=set)


class Graph:
    """The whole package."""

    def __init__(self, root: Path = PACKAGE) -> None:
        self.functions: dict[str, Function] = {}
        self._methods: dict[str, set[str]] = defaultdict(set)
        modules = {_dotted(path, root): ast.parse(path.read_text()) for path in sorted(root.rglob("*.py"))}
        for module, tree in modules.items():
            self._collect(module, tree)
        self._imports = {module: dict(_imported(tree)) for module, tree in modules.items()}
        for module, tree in modules.items():
            self._read(module, tree)

    def _collect(self, module: str, tree: ast.Module) -> None:
        self.functions[module] = Function(module)
        for node in tree.body:
            if isinstance(node, ast.ClassDef):
                self.functions[f"{module}.{node.name}"] = Function(f"{module}.{node.name}")
        for name, node, owner in _functions(module, tree):
            self.functions[name] = Function(name)
            if owner:
                self._methods[node.name].add(name)
                if node.decorator_list or node.name.startswith("__"):
                    self.functions[owner].reaches.add(name)

    def _read(self, module: str, tree: ast.Module) -> None:
        for name, node, _ in _functions(module, tree):
            # A function that is within another is read with it, too: conservative.
            self._names(self.functions[name], module, node)
            self.functions[name].reaches.add(module)
        for statement in tree.body:
            if isinstance(statement, ast.ClassDef):
                owner = self.functions[f"{module}.{statement.name}"]
                owner.reaches.add(module)
                for part in (*statement.bases, *statement.decorator_list, *statement.keywords, *statement.body):
                    if not isinstance(part, FUNCTIONS):
                        self._names(owner, module, part)
            elif not isinstance(statement, FUNCTIONS):
                self._names(self.functions[module], module, statement)

    def _names(self, function: Function, module: str, node: ast.AST) -> None:
        local = self._imports[module] | dict(_imported(node))
        # What only says a type is never called.
        types = {inner for part in ast.walk(node) for note in _annotations(part) for inner in ast.walk(note)}
        literal = {call.func: call.args[1].value for call in ast.walk(node) if _is_literal_getattr(call)}
        for part in ast.walk(node):
            if part in literal:
                function.methods.add(literal[part])
            elif isinstance(part, ast.Name) and part not in types:
                known = self._refer(function, local.get(part.id, f"{module}.{part.id}"))
                if not known and part.id in CODE:
                    function.starts.add(part.id)
                if not known and part.id in DYNAMIC[""]:
                    function.dynamic.add(part.id)
            elif isinstance(part, ast.Attribute) and part not in types:
                dotted = _expand(part, local)
                if not (dotted and self._refer(function, dotted)):
                    function.methods.add(part.attr)
                if part.attr in DYNAMIC_ATTRIBUTES:
                    function.dynamic.add(part.attr)

    def _refer(self, function: Function, dotted: str) -> bool:
        """Note what a full name leads to; false when that is nothing of ours and no starter."""
        head, _, last = dotted.rpartition(".")
        if last in STARTERS.get(head, ()):
            function.starts.add(dotted)
        if head and last in DYNAMIC.get(head, ()):
            function.dynamic.add(dotted)
        target = self._follow(dotted)
        if target in self.functions:
            function.reaches.add(target)
        return target in self.functions

    def _follow(self, dotted: str, depth: int = 0) -> str:
        """Through a package that only passes a name on."""
        if dotted in self.functions or depth > 5:
            return dotted
        head, _, last = dotted.rpartition(".")
        passed_on = self._imports.get(head, {}).get(last)
        return self._follow(passed_on, depth + 1) if passed_on else dotted

    def reachable(self, start: str) -> dict[str, str]:
        """All that `start` may run, each with the function that named it."""
        came_from, waiting = {start: ""}, [start]
        while waiting:
            function = self.functions.get(waiting.pop())
            if function is None:
                continue
            named = function.reaches | {found for name in function.methods for found in self._methods[name]}
            for target in named - came_from.keys():
                came_from[target] = function.name
                waiting.append(target)
        return came_from

    def starters(self, start: str) -> dict[str, str]:
        """Functions that `start` may run and that start a program, each with the way to it."""
        came_from = self.reachable(start)
        return {
            name: " <- ".join(_way(came_from, name))
            for name in came_from
            if name in self.functions and self.functions[name].starts
        }

    def dynamic(self, start: str) -> dict[str, set[str]]:
        """Functions that `start` may run and that call by a text, each with how it does."""
        reached = [self.functions[name] for name in self.reachable(start) if name in self.functions]
        return {function.name: function.dynamic for function in reached if function.dynamic}


def _way(came_from: dict[str, str], name: str) -> Iterator[str]:
    while name:
        yield name
        name = came_from[name]


def _annotations(node: ast.AST) -> list[ast.expr]:
    return [note for name in ("annotation", "returns") if (note := getattr(node, name, None)) is not None]


def _dotted(path: Path, root: Path) -> str:
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _is_literal_getattr(node: ast.AST) -> TypeGuard[Any]:
    """`getattr(value, "name")`, which is `value.name`."""
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "getattr"
        and len(node.args) > 1
        and isinstance(node.args[1], ast.Constant)
    )


def _functions(module: str, tree: ast.Module) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef, str]]:
    for node in tree.body:
        if isinstance(node, FUNCTIONS):
            yield f"{module}.{node.name}", node, ""
        elif isinstance(node, ast.ClassDef):
            for item in node.body:
                if isinstance(item, FUNCTIONS):
                    yield f"{module}.{node.name}.{item.name}", item, f"{module}.{node.name}"


def _imported(node: ast.AST) -> Iterator[tuple[str, str]]:
    for part in ast.walk(node):
        if isinstance(part, ast.Import):
            for alias in part.names:
                yield (
                    (alias.asname or alias.name.split(".")[0]),
                    (alias.name if alias.asname else alias.name.split(".")[0]),
                )
        elif isinstance(part, ast.ImportFrom) and part.module:
            for alias in part.names:
                yield alias.asname or alias.name, f"{part.module}.{alias.name}"


def _expand(node: ast.Attribute, local: dict[str, str]) -> str:
    """`module.name` in full where it begins with an import; else empty."""
    parts = [node.attr]
    inner: ast.expr = node.value
    while isinstance(inner, ast.Attribute):
        parts.append(inner.attr)
        inner = inner.value
    if not isinstance(inner, ast.Name) or inner.id not in local:
        return ""
    return ".".join([local[inner.id], *reversed(parts)])
