"""Plots: SVG text for the report, transparent and in the page's own text colour; one PNG for a merge request's note."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from modelway.contracts import ProblemType
from modelway.inert import visible

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from modelway.evaluation.rows import Rows

# A colour that no plot uses; replaced by CSS's currentColor.
_INK = "#010203"
CANDIDATE_COLOUR, CHAMPION_COLOUR = "#3b82f6", "#f59e0b"
_MOST_CLASSES, _MOST_POINTS = 30, 1_500
_PNG_DPI = 110


def _style(name: str) -> Any:
    ink = dict.fromkeys(
        ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color", "axes.titlecolor"), _INK
    )
    return {
        **ink,
        "svg.fonttype": "none",
        "svg.hashsalt": name,
        "font.family": "sans-serif",
        "font.size": 10,
        "text.parse_math": False,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.facecolor": "none",
        "figure.facecolor": "none",
    }


def _svg(name: str, title: str, draw: Any) -> str:
    """Run `draw(axes)` on a square figure and return the <svg> element, labelled for screen readers."""
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    with mpl.rc_context(_style(name)):
        figure = _figure(title, draw)
        FigureCanvasSVG(figure)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :].replace(_INK, "currentColor")
    return svg.replace("<svg ", f'<svg role="img" aria-label="{name.replace("-", " ")}" ', 1)


def _png(name: str, title: str, draw: Any) -> bytes:
    """The same figure on white: a note shows it on light and dark pages alike."""
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    with mpl.rc_context({**_style(name), "figure.facecolor": "white"}):
        figure = _figure(title, draw)
        FigureCanvasAgg(figure)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=_PNG_DPI, metadata={"Software": None})
    return buffer.getvalue()


def _figure(title: str, draw: Any) -> Any:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.2, 4.0), layout="constrained")
    axes = figure.add_subplot()
    axes.set_title(title, fontsize=11, loc="left")
    draw(axes)
    return figure


def picture(problem: ProblemType, rows: Rows, subject: str) -> bytes:
    """PNG of the residuals of a regression, else of the confusion matrix; empty beyond 30 classes."""
    if problem is ProblemType.REGRESSION:
        return _png(f"residuals-{subject}", f"Residuals, {subject}", _residual_drawing(rows))
    if len(rows.classes) > _MOST_CLASSES:
        return b""
    return _png(f"confusion-matrix-{subject}", f"Confusion matrix, {subject}", _matrix_drawing(rows))


def confusion_matrix(rows: Rows, subject: str) -> str:
    """Counts by true class (rows) and predicted class (columns); empty beyond 30 classes."""
    if len(rows.classes) > _MOST_CLASSES:
        return ""
    return _svg(f"confusion-matrix-{subject}", f"Confusion matrix, {subject}", _matrix_drawing(rows))


def _matrix_drawing(rows: Rows) -> Any:
    import numpy as np

    size = len(rows.classes)
    counts = np.zeros((size, size), dtype=int)
    np.add.at(counts, (rows.truth.astype(int), rows.predicted.astype(int)), 1)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    names = [_short(str(value)) for value in rows.classes]

    def draw(axes: Any) -> None:
        axes.imshow(_blues(shares), aspect="equal")
        axes.set_xticks(range(size), names, rotation=0 if size < 5 else 90)
        axes.set_yticks(range(size), names)
        axes.set_xlabel("predicted")
        axes.set_ylabel("true")
        for row in range(size):
            for column in range(size):
                colour = "white" if shares[row, column] > 0.5 else _INK
                axes.text(column, row, str(counts[row, column]), ha="center", va="center", color=colour)

    return draw


def _blues(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """RGBA: the candidate's blue, as opaque as the share of its row."""
    import numpy as np
    from matplotlib.colors import to_rgb

    image = np.empty((*shares.shape, 4))
    image[..., :3] = to_rgb("#1d4ed8")
    image[..., 3] = 0.06 + 0.94 * shares
    return image


def _short(name: str) -> str:
    name = visible(name)  # XML, and so SVG, has no way to write a control character
    return name if len(name) <= 14 else name[:13] + "…"


def roc_curves(curves: Sequence[tuple[str, str, Rows]]) -> str:
    """One curve for each (label, colour, rows) that has scores and both classes; empty if none has."""
    usable = [(label, colour, rows) for label, colour, rows in curves if _has_curve(rows)]
    if not usable:
        return ""
    from sklearn.metrics import roc_curve

    def draw(axes: Any) -> None:
        axes.plot([0, 1], [0, 1], linestyle=":", linewidth=1, color=_INK, alpha=0.6)
        for label, colour, rows in usable:
            false_rate, true_rate, _ = roc_curve(rows.truth, rows.positive)
            keep = _thinned(len(false_rate))
            axes.plot(false_rate[keep], true_rate[keep], color=colour, linewidth=2, label=label)
        axes.set_xlabel("false positive rate")
        axes.set_ylabel("true positive rate")
        axes.set_aspect("equal")
        axes.legend(loc="lower right", frameon=False)

    return _svg("roc-curve", "ROC", draw)


def _has_curve(rows: Rows) -> bool:
    return rows.positive is not None and len(set(rows.truth.tolist())) == 2


def _thinned(count: int) -> NDArray[np.int64]:
    """At most 1500 of `count` indices, first and last kept."""
    import numpy as np

    return np.unique(np.linspace(0, count - 1, min(count, _MOST_POINTS)).astype(np.int64))


def residuals(rows: Rows, subject: str) -> str:
    """Prediction against residual (true - predicted), both in the target's unit; at most 1500 rows drawn."""
    return _svg(f"residuals-{subject}", f"Residuals, {subject}", _residual_drawing(rows))


def _residual_drawing(rows: Rows) -> Any:
    keep = _thinned(rows.count)
    predicted, residual = rows.predicted[keep], (rows.truth - rows.predicted)[keep]

    def draw(axes: Any) -> None:
        axes.axhline(0, linestyle=":", linewidth=1, color=_INK, alpha=0.6)
        axes.scatter(predicted, residual, s=14, alpha=0.55, color=CANDIDATE_COLOUR, linewidths=0)
        axes.set_xlabel("predicted")
        axes.set_ylabel("true - predicted")

    return draw
