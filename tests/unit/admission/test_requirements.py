from __future__ import annotations

from pathlib import Path

import pytest

from modelway.admission.requirements import check_requirements


@pytest.mark.parametrize(
    "text",
    [
        "numpy==2.4.6\n",
        "# a comment\nnumpy==2.4.6 ; python_full_version < '3.12'  # why\n    # via x\n",
        "numpy==2.4.6 \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb\n",
        "uvicorn[standard]==0.30.0\n",
        "torch==2.9.0+cpu\n",
    ],
)
def test_a_lock_is_accepted(tmp_path: Path, text: str) -> None:
    path = tmp_path / "requirements.txt"
    path.write_text(text)
    assert list(check_requirements(path)) == []


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("numpy", "not pinned"),
        ("numpy>=2", "not pinned"),
        ("numpy==2.*", "not pinned"),
        ("numpy===2", "not pinned"),
        ("-r other.txt", "options are not allowed"),
        ("--extra-index-url https://evil.example", "options are not allowed"),
        ("-e .", "options are not allowed"),
        ("git+https://example.com/x.git", "not addresses"),
        ("x @ file:///tmp/x.whl", "not addresses"),
    ],
)
def test_what_is_not_exact_is_an_error_at_its_line(tmp_path: Path, line: str, words: str) -> None:
    path = tmp_path / "requirements.txt"
    path.write_text(f"scipy==1.17.1\n\n{line}\n")
    (finding,) = check_requirements(path)
    assert finding.blocks
    assert finding.line == 3
    assert words in finding.message


@pytest.mark.parametrize("text", [None, "", "# nothing\n"], ids=["missing", "empty", "comments"])
def test_no_lock_is_an_error(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "requirements.txt"
    if text is not None:
        path.write_text(text)
    (finding,) = check_requirements(path)
    assert "uv pip compile" in finding.fix
