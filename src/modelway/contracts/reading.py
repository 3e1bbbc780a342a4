"""`model.yaml` from a file to a ModelSpec, with every problem named at its line."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError

from modelway.contracts.model_spec import ModelSpec
from modelway.errors import UserError

FILE_NAME = "model.yaml"
MAX_BYTES = 64 * 1024
_SKIPPED_FOLDERS = frozenset({"node_modules", "__pycache__", "build", "dist", "venv"})
_MAX_DEPTH = 6  # of folders
_MAX_NESTING = 20  # of YAML

Step = str | int
Location = tuple[Step, ...]


@dataclass(frozen=True)
class SpecProblem:
    """One thing wrong in a model.yaml; `line` and `column` count from 1."""

    path: Path
    line: int
    column: int
    field: str
    message: str

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}:{self.column}"
        return f"{place}: {self.field}: {self.message}" if self.field else f"{place}: {self.message}"


class SpecInvalidError(UserError):
    """Raised when a model.yaml is wrong; `problems` has them all, in the order of the file."""

    def __init__(self, problems: list[SpecProblem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda p: (p.line, p.column, p.field)))
        super().__init__(
            "\n".join(str(problem) for problem in self.problems),
            fix=f"correct {self.problems[0].path}; every key is described in docs/reference/model-yaml.md",
        )


def find_models(repo: Path) -> list[Path]:
    """Every model.yaml in a repo, sorted; hidden folders, virtual environments and build output are left out."""
    return sorted(_walk(repo, 0))


def _walk(folder: Path, depth: int) -> Iterator[Path]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name == FILE_NAME and entry.is_file():
                yield Path(entry.path)
            elif depth < _MAX_DEPTH and _is_searched(entry):
                yield from _walk(Path(entry.path), depth + 1)


def _is_searched(entry: os.DirEntry[str]) -> bool:
    if entry.name.startswith(".") or entry.name in _SKIPPED_FOLDERS:
        return False
    return entry.is_dir(follow_symlinks=False) and not Path(entry.path, "pyvenv.cfg").exists()


def read_models(repo: Path) -> dict[Path, ModelSpec]:
    """Every model of a repo by the path of its model.yaml.

    Raises UserError if there is none or two have the same name, SpecInvalidError if a file is wrong.
    """
    specs = {path: read_model_spec(path) for path in find_models(repo)}
    if not specs:
        raise UserError(f"no {FILE_NAME} in {repo}", fix="run `modelway new PATH`, or give the model's folder")
    paths: dict[str, Path] = {}
    for path, spec in specs.items():
        if spec.name in paths:
            raise UserError(
                f"{path} and {paths[spec.name]} both describe a model named {spec.name!r}",
                fix="give one of them another name: it names the image and the endpoint",
            )
        paths[spec.name] = path
    return specs


def read_model_spec(path: Path) -> ModelSpec:
    """Read one model.yaml (or the folder that holds it). Raises SpecInvalidError naming every problem with its line."""
    file = path / FILE_NAME if path.is_dir() else path
    node = _compose(file, _read_text(file))
    problems = list(_structural(file, node, ()))
    if problems:
        raise SpecInvalidError(problems)
    try:
        document = yaml.SafeLoader("").construct_document(node)
    except yaml.MarkedYAMLError as error:
        raise SpecInvalidError([_from_yaml(file, error)]) from error
    except ValueError as error:
        raise SpecInvalidError([SpecProblem(file, 1, 1, "", f"cannot be read: {error}")]) from error
    try:
        return ModelSpec.model_validate(document)
    except ValidationError as error:
        raise SpecInvalidError(_from_validation(file, node, error)) from error


def place_of(path: Path, location: Location) -> tuple[int, int]:
    """Line and column, from 1, of a field of a model.yaml that has been read; of the nearest if it is left out."""
    mark = _find(_compose(path, _read_text(path)), location, key=False).start_mark
    return mark.line + 1, mark.column + 1


def _read_text(file: Path) -> str:
    try:
        with file.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise UserError(f"{file} does not exist", fix="run `modelway new PATH`, or give the model's folder") from error
    except OSError as error:
        raise UserError(f"{file} cannot be read: {error.strerror}") from error
    if len(content) > MAX_BYTES:
        raise SpecInvalidError([SpecProblem(file, 1, 1, "", f"is larger than {MAX_BYTES} bytes")])
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise SpecInvalidError([SpecProblem(file, line, 1, "", "is not UTF-8 text")]) from error


def _compose(file: Path, text: str) -> yaml.MappingNode:
    """The YAML as nodes. Raises SpecInvalidError for a syntax error, an alias, or a document that is no mapping."""
    try:
        _check_events(file, text)
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        raise SpecInvalidError([_from_yaml(file, error)]) from error
    except yaml.YAMLError as error:
        raise SpecInvalidError([SpecProblem(file, 1, 1, "", f"not YAML: {error}")]) from error
    if not isinstance(node, yaml.MappingNode):
        raise SpecInvalidError([SpecProblem(file, 1, 1, "", "must be a mapping of keys: schema_version, name, …")])
    return node


def _check_events(file: Path, text: str) -> None:
    """Refuse aliases and deep nesting before anything is built; YAML's scanner takes minutes over a deep file."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.AliasEvent):
            raise SpecInvalidError([_at(file, event, "", f"*{event.anchor}: aliases are not supported; repeat it")])
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _MAX_NESTING:
            raise SpecInvalidError([_at(file, event, "", f"nested deeper than {_MAX_NESTING} levels")])


def _from_yaml(file: Path, error: yaml.MarkedYAMLError) -> SpecProblem:
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    return SpecProblem(file, line, column, "", f"not YAML that is read here: {error.problem}")


def _at(file: Path, marked: yaml.Node | yaml.Event, field: str, message: str) -> SpecProblem:
    mark = marked.start_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    return SpecProblem(file, line, column, field, message)


def _structural(file: Path, node: yaml.Node, location: Location) -> Iterator[SpecProblem]:
    """Keys given twice or that are not plain text, anywhere; what construction would silently accept."""
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from _structural(file, item, (*location, index))
    if not isinstance(node, yaml.MappingNode):
        return
    first: dict[str, int] = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode) or key.tag == "tag:yaml.org,2002:merge":
            yield _at(file, key, _dotted(location), "keys must be plain text")
            continue
        field = _dotted((*location, key.value))
        if key.value in first:
            yield _at(file, key, field, f"given twice, first in line {first[key.value]}; keep one")
        first.setdefault(key.value, key.start_mark.line + 1)
        yield from _structural(file, value, (*location, key.value))


def _from_validation(file: Path, node: yaml.MappingNode, error: ValidationError) -> list[SpecProblem]:
    """One problem a place; a value that fits no member of a union is named once."""
    problems = []
    grouped: dict[Location, list[dict[str, Any]]] = {}
    for found in error.errors(include_url=False):
        location = _existing(node, found["loc"], found["type"])
        grouped.setdefault(location, []).append(cast(dict[str, Any], found))
    for location, details in grouped.items():
        detail = details[0]
        if not location and detail["type"] == "value_error":
            problem = _cross_field(file, node, str(detail["ctx"]["error"]))
        else:
            on_key = detail["type"] == "extra_forbidden" or "[key]" in detail["loc"]
            problem = _at(file, _find(node, location, key=on_key), _dotted(location), _message(location, details))
        problems.append(problem)
    return problems


def _existing(node: yaml.Node, loc: tuple[Step, ...], kind: str) -> Location:
    """The part of pydantic's location that is a place in the file (it also names union members and '[key]')."""
    if kind == "missing":
        return loc
    location: list[Step] = []
    for step in loc:
        found = _child(node, step)
        if found is None:
            break
        node = found[1]
        location.append(step)
    return tuple(location)


def _child(node: yaml.Node, step: Step) -> tuple[yaml.Node, yaml.Node] | None:
    """Key node and value node of one step; for a list both are the item."""
    if isinstance(node, yaml.MappingNode):
        return next(((key, value) for key, value in node.value if key.value == str(step)), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        return node.value[step], node.value[step]
    return None


def _find(node: yaml.Node, location: Location, *, key: bool) -> yaml.Node:
    """The deepest node on the way to `location`: its key (for a missing child too) or its value."""
    at = node
    for position, step in enumerate(location):
        found = _child(node, step)
        if found is None:
            return at
        node = found[1]
        at = found[0] if key or position < len(location) - 1 or not isinstance(node, yaml.ScalarNode) else node
    return at


def _cross_field(file: Path, node: yaml.MappingNode, message: str) -> SpecProblem:
    """A validator of the whole document says `some.field: what`; point there if the file has that field."""
    field, separator, rest = message.partition(": ")
    if not separator or " " in field:
        return _at(file, node, "", message)
    return _at(file, _find(node, tuple(field.split(".")), key=False), field, rest)


_Kind = Literal["text", "whole number", "number", "true or false", "mapping", "list"]
_WANTED: dict[str, _Kind] = {
    "string_type": "text",
    "int_type": "whole number",
    "int_parsing": "whole number",
    "int_from_float": "whole number",
    "float_type": "number",
    "float_parsing": "number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "model_type": "mapping",
    "dict_type": "mapping",
    "tuple_type": "list",
    "list_type": "list",
}


def _message(location: Location, details: list[dict[str, Any]]) -> str:
    detail = details[0]
    kind, given = detail["type"], _shown(detail.get("input"))
    if kind == "missing":
        return "is missing; add it"
    if kind == "extra_forbidden":
        return _unknown_key(location)
    wanted = list(dict.fromkeys(_WANTED[d["type"]] for d in details if d["type"] in _WANTED))
    if wanted:
        return f"{given} is not a {', a '.join(wanted[:-1]) + ' or a ' if len(wanted) > 1 else ''}{wanted[-1]}".replace(
            "a true or false", "true or false"
        ).replace("a text", "text")
    if kind in ("enum", "literal_error"):
        return f"{given} is not one of {detail['ctx']['expected']}"
    if kind == "string_pattern_mismatch":
        return f"{given} is not allowed; {_description_of(location) or 'it must match ' + detail['ctx']['pattern']}"
    if kind == "value_error":
        return str(detail["ctx"]["error"])
    said = str(detail["msg"])
    return f"{given}: {said[:1].lower()}{said[1:]}"


def _shown(value: Any) -> str:
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= 60 else text[:57] + "…"


def _unknown_key(location: Location) -> str:
    model = _model_at(location[:-1])
    known = list(model.model_fields) if model else []
    close = difflib.get_close_matches(str(location[-1]), known, n=1, cutoff=0.6)
    if close:
        return f"unknown key; did you mean {close[0]!r}?"
    return f"unknown key; remove it (known here: {', '.join(known)})"


def _model_at(location: Location) -> type[BaseModel] | None:
    """The contract that describes the mapping at `location`."""
    model: type[BaseModel] | None = ModelSpec
    annotation: Any = ModelSpec
    for step in location:
        if model is not None:
            field = model.model_fields.get(str(step))
            annotation = field.annotation if field else None
        elif get_origin(annotation) in (dict, tuple):
            annotation = get_args(annotation)[1 if get_origin(annotation) is dict else 0]
        model = _as_model(annotation)
    return model


def _as_model(annotation: Any) -> type[BaseModel] | None:
    for candidate in (annotation, *get_args(annotation)):
        if isinstance(candidate, type) and issubclass(candidate, BaseModel) and get_origin(annotation) is not dict:
            return candidate if get_origin(annotation) is not tuple else None
    return None


def _description_of(location: Location) -> str:
    model = _model_at(location[:-1])
    field = model.model_fields.get(str(location[-1])) if model and location else None
    return (field.description or "") if field else ""


def _dotted(location: Location) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in location).lstrip(".")
