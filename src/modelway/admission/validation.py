"""What can be said of a model's folder without running its code: spec, limits, files, functions, lint, samples."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from pathlib import Path

from modelway.admission.findings import Finding
from modelway.admission.lint import check_lint
from modelway.admission.requirements import check_requirements
from modelway.admission.sagemaker_limits import check_sagemaker
from modelway.admission.samples import read_samples
from modelway.contracts import ModelSpec
from modelway.contracts.reading import FILE_NAME, SpecInvalidError, read_model_spec
from modelway.errors import UserError

# The functions of model.py and how many values container.py passes to each.
FUNCTIONS = {"train": 3, "evaluate": 2, "predict": 2}
_MAX_SOURCE_BYTES = 1024 * 1024


def validate_model(model_dir: Path, *, lint: bool = True, pythonpath: Sequence[Path] = ()) -> list[Finding]:
    """Every finding, errors first. None that blocks: the model may be admitted.

    Without a readable model.yaml nothing else can be checked, so its problems come alone. `lint=False` leaves pylint
    out (it takes seconds). `pythonpath`: installed dependencies, which lets pylint check calls into them.
    """
    try:
        spec = read_model_spec(model_dir / FILE_NAME)
    except SpecInvalidError as error:
        return [
            Finding(
                "error", "model.yaml", p.path, f"{p.field}: {p.message}" if p.field else p.message, p.line, p.column
            )
            for p in error.problems
        ]
    except UserError as error:
        return [Finding("error", "model.yaml", model_dir / FILE_NAME, error.message, fix=error.fix)]
    findings = [*check_sagemaker(model_dir / FILE_NAME, spec), *_check_source(model_dir, spec)]
    findings += check_requirements(model_dir / spec.requirements)
    findings += _check_samples(model_dir, spec)
    source = model_dir / spec.source
    if lint and any(source.rglob("*.py")):
        already = {(finding.path, finding.line) for finding in findings}
        messages = check_lint(model_dir, source, pythonpath)
        findings += [finding for finding in messages if (finding.path, finding.line) not in already]
    return sorted(findings, key=lambda f: (not f.blocks, str(f.path), f.line, f.column))


def _check_source(model_dir: Path, spec: ModelSpec) -> Iterator[Finding]:
    source = model_dir / spec.source
    if not (source / "container.py").is_file():
        fix = "take it from `modelway new` unchanged"
        yield Finding("error", "files", source / "container.py", "is missing", fix=fix)
    yield from _check_functions(source / "model.py")
    outside = [path for path in source.rglob("*") if path.is_symlink()]
    for path in outside:
        yield Finding("error", "files", path, "is a symbolic link; an image is made of files", fix="copy the file")


def _check_functions(path: Path) -> Iterator[Finding]:
    """model.py parses and has the three functions, each taking what container.py passes."""
    try:
        with path.open("rb") as stream:
            tree = ast.parse(stream.read(_MAX_SOURCE_BYTES), filename=str(path))
    except FileNotFoundError:
        yield Finding("error", "files", path, "is missing", fix=f"write it with {', '.join(FUNCTIONS)}")
        return
    except SyntaxError as error:
        place = (error.lineno or 0, error.offset or 0)
        yield Finding("error", "syntax", path, f"is not Python: {error.msg}", *place)
        return
    except (ValueError, RecursionError) as error:
        yield Finding("error", "syntax", path, f"is not Python: {error}")
        return
    defined = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    imported = {
        alias.asname or alias.name for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    for name, count in FUNCTIONS.items():
        if name in defined:
            yield from _check_arguments(path, defined[name], count)
        elif name not in imported:
            fix = f"define {name}(…) with {count} arguments, as `modelway new` does"
            yield Finding("error", "functions", path, f"has no function {name!r}", fix=fix)


def _check_arguments(path: Path, function: ast.FunctionDef, count: int) -> Iterator[Finding]:
    arguments = function.args
    positional = len(arguments.posonlyargs) + len(arguments.args)
    least = positional - len(arguments.defaults)
    required_by_name = [
        a.arg for a, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if not default
    ]
    if least > count or (positional < count and not arguments.vararg) or required_by_name:
        yield Finding(
            "error",
            "functions",
            path,
            f"{function.name}() is called with {count} values and cannot take them",
            function.lineno,
            function.col_offset + 1,
            fix=f"give {function.name}() {count} positional arguments, as `modelway new` does",
        )


def _check_samples(model_dir: Path, spec: ModelSpec) -> Iterator[Finding]:
    try:
        read_samples(model_dir, spec)
    except UserError as error:
        yield Finding("error", "samples", model_dir / spec.samples, error.message, fix=error.fix)
