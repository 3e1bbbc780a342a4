"""The call graph on small packages: what it must not miss."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.ci.call_graph import Graph

RUN = "import subprocess\ndef run(): subprocess.run([])\n"


def graph(root: Path, text: str) -> Graph:
    """Of a package `p` with the module `start`, and `run` in `p.other`."""
    (root / "p").mkdir()
    (root / "p" / "other.py").write_text(RUN)
    (root / "p" / "start.py").write_text(text)
    return Graph(root)


@pytest.mark.parametrize(
    "text",
    [
        "from p.other import run\ndef go(): run()",
        "import p.other\nasync def go(): p.other.run()",
        "from p.other import run\nTABLE = {'a': run}\ndef go(): TABLE['a']()",
        "from p.other import run\nclass A:\n  def __enter__(self): run()\ndef go():\n  with A(): pass",
        "from p.other import run\nclass A:\n  @validator\n  def check(self): run()\ndef go(): A()",
        "from p.other import run\nclass A:\n  x = field(run)\nclass B(A): pass\ndef go(): B()",
        "from p.other import run\nclass A:\n  def act(self): run()\ndef go(value): getattr(value, 'act')()",
    ],
    ids=["import", "async", "table", "with", "validator", "base class", "getattr"],
)
def test_it_finds_the_way(tmp_path: Path, text: str) -> None:
    assert graph(tmp_path, text).starters("p.start.go").keys() == {"p.other.run"}


@pytest.mark.parametrize(
    "text",
    [
        "def go(value, name): getattr(value, name)()",
        "def go(values, name): map(getattr, values, [name])",
        "def go(name): globals()[name]()",
        "import operator\ndef go(value, name): operator.methodcaller(name)(value)",
        "from sys import modules\ndef go(name): modules[name].run()",
        "def go(value, name): value.__dict__[name]()",
        "import importlib\ndef go(name): importlib.import_module(name).run()",
    ],
    ids=["getattr", "map", "globals", "methodcaller", "modules", "dict", "import"],
)
def test_a_call_by_a_text_is_told(tmp_path: Path, text: str) -> None:
    assert graph(tmp_path, text).dynamic("p.start.go").keys() == {"p.start.go"}
