"""`make pictures`: the pictures of README and docs, made from a run of the demo.

Starts a stack of its own on free ports, plays `modelway demo` there, and photographs what it left: the evaluation
report, Airflow's graph, the merge request's note and the demo's summary. Needs Chromium (Debian: `apt-get install
chromium`) and the environment of `make install`.
"""

from __future__ import annotations

import base64
import fcntl
import io
import json
import os
import pty
import re
import struct
import subprocess
import sys
import tempfile
import termios
import time
import urllib.request
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt
from modelway_local.runtime.server import free_port
from modelway_local.stack.airflow import ADMIN_USER, passwords
from modelway_local.stack.layout import DEFAULT_AIRFLOW_PORT, DEFAULT_PORT, Stack, require
from modelway_local.stack.lifecycle import down
from PIL import Image
from rich.console import Console
from rich.text import Text

from ci.docs import chromium
from ci.docs.chromium import Tab
from modelway.gitlab import notes
from modelway.pipeline.releases import Releases
from modelway.platform import Platform

CHECKOUT = Path(__file__).resolve().parents[2]
PICTURES = CHECKOUT / "docs" / "images"
MODEL, VERSION = "breast-cancer", "1.1.0+r0"
COLUMNS = 112
MOST_BYTES = 150_000
# The pages ask for fonts that a plain Debian lacks; with this one their labels have the width that they count on.
FONT = "* { font-family: 'DejaVu Sans Condensed', sans-serif !important } .react-flow * { letter-spacing: -0.05em }"
NOTE_STYLE = """
body { margin: 0; background: #f6f6f8; font: 14px/1.5 system-ui, sans-serif; color: #28272d; }
main { margin: 16px; width: 900px; background: #fff; border: 1px solid #dcdcde; border-radius: 8px; }
header { padding: 10px 16px; border-bottom: 1px solid #dcdcde; color: #626168; } header b { color: #28272d; }
article { padding: 4px 16px 12px; } h3 { font-size: 17px; margin: 10px 0; } a { color: #1068bf; text-decoration: none; }
table { border-collapse: collapse; margin: 12px 0; } th, td { border: 1px solid #dcdcde; padding: 6px 12px; }
th { background: #fbfafd; } code { background: #ececef; border-radius: 4px; padding: 1px 4px; }
img { max-width: 300px; }
"""


def play_demo(home: Path) -> str:
    """Play the demo in a state folder of its own; returns what it printed to its standard output, a terminal.

    Raises CalledProcessError when the demo went wrong.
    """
    command = [str(Path(sys.executable).with_name("modelway")), "demo"]
    command += ["--port", str(free_port()), "--airflow-port", str(free_port())]
    terminal, its_end = pty.openpty()
    fcntl.ioctl(its_end, termios.TIOCSWINSZ, struct.pack("HHHH", 50, COLUMNS, 0, 0))
    environment = {**os.environ, "MODELWAY_HOME": str(home), "TERM": "xterm-256color"}
    with subprocess.Popen(command, cwd=home, env=environment, stdout=its_end) as process:
        os.close(its_end)
        printed = bytearray()
        with os.fdopen(terminal, "rb", buffering=0) as output:
            # A terminal whose last process has ended answers with an error, not with an end of file.
            try:
                while chunk := output.read(4096):
                    printed += chunk
            except OSError:
                pass
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command, bytes(printed))
    return printed.decode().replace("\r\n", "\n")


def summary(printed: str, stack: Stack) -> str:
    """SVG of a terminal with the end of the demo, as a run in the default folder and on the default ports prints it."""
    for here, default in (
        (stack.home, "~/.modelway"),
        (stack.gateway_url, f"http://127.0.0.1:{DEFAULT_PORT}"),
        (stack.airflow_url, f"http://127.0.0.1:{DEFAULT_AIRFLOW_PORT}"),
    ):
        printed = printed.replace(here, default)
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    console.print(Text.from_ansi(f"$ make demo\n\n{printed.strip()}"))
    svg = console.export_svg(title="make demo", unique_id="demo")
    # No font is fetched from another host.
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
    return svg.replace("Fira Code, monospace", "'DejaVu Sans Mono', Menlo, Consolas, monospace")


def note(platform: Platform) -> str:
    """The page of the note that a merge request gets for the demo's second version."""
    releases = Releases(platform)
    request = releases.training_request(releases.package(MODEL, VERSION))
    record = releases.training_record(request)
    if record is None:
        raise LookupError(f"{MODEL} {VERSION} has no training record")
    plot = base64.b64encode(releases.picture(request)).decode()
    links = notes.Links(dag_run="#", pipeline="#", report="#", plot="![plot](plot.png)")
    markdown = notes.render(record, request.model, links)
    html = (
        MarkdownIt("commonmark").enable("table").render(markdown).replace("plot.png", f"data:image/png;base64,{plot}")
    )
    return f"""<!doctype html><meta charset="utf-8"><style>{NOTE_STYLE}</style>
<main><header><b>Modelway</b> commented on the merge request</header><article>{html}</article></main>"""


def airflow(url: str, path: str, body: dict[str, Any] | None = None, token: str = "") -> dict[str, Any]:
    """One request to the stack's Airflow."""
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    request = urllib.request.Request(url + path, json.dumps(body).encode() if body else None, headers)
    with urllib.request.urlopen(request) as response:
        answer: dict[str, Any] = json.load(response)
        return answer


def photograph_graph(tab: Tab, stack: Stack) -> bytes:
    """Airflow's graph of the run that trained the demo's second version."""
    url = stack.airflow_url
    login = {"username": ADMIN_USER, "password": passwords(Path(stack.home))[ADMIN_USER]}
    token = airflow(url, "/auth/token", login)["access_token"]
    query = "/api/v2/dags/train_evaluate/dagRuns?state=success&order_by=start_date"
    second = airflow(url, query, token=token)["dag_runs"][1]["dag_run_id"]
    tab.size(1280, 400, 1.25)
    # https://airflow.apache.org/docs/apache-airflow/3.2.1/core-concepts/auth-manager/index.html
    tab.cookie(url, "_token", token)
    tab.before_each_page("localStorage.setItem('dag_view-train_evaluate', JSON.stringify('graph'))")
    tab.visit(f"{url}/dags/train_evaluate/runs/{second}")
    tab.wait("document.querySelectorAll('.react-flow__node').length >= 6")
    tab.style(FONT)
    tab.value("document.querySelector('[aria-label=\"Collapse Details Panel\"]').click()")
    # The minimap and the buttons of the drawing cover the tasks in a window this low.
    tab.value("document.querySelectorAll('.react-flow__panel').forEach(panel => panel.style.opacity = 0)")
    time.sleep(1)
    tab.value("document.querySelector('[aria-label=\"Fit View\"]').click()")
    time.sleep(2)
    return tab.picture()


def photograph_page(tab: Tab, html: str, folder: Path, width: int) -> bytes:
    """A page of ours, in its whole height."""
    tab.size(width, 800, 1.25)
    tab.scheme("light")
    tab.visit(chromium.page_address(folder, html))
    tab.wait("document.readyState == 'complete'")
    tab.value(
        f"document.head.append(Object.assign(document.createElement('style'), {{textContent: {json.dumps(FONT)}}}))"
    )
    return tab.picture("html")


def reduced(png: bytes) -> bytes:
    """The picture with the most colours of a palette that keep it below MOST_BYTES. Raises ValueError."""
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    for colours in (256, 128, 64, 32):
        buffer = io.BytesIO()
        picture.quantize(colours, dither=Image.Dither.NONE).save(buffer, "png", optimize=True)
        if buffer.tell() <= MOST_BYTES:
            return buffer.getvalue()
    raise ValueError(f"a picture of {picture.size} is larger than {MOST_BYTES} bytes with 32 colours")


def make(stack: Stack, printed: str) -> None:
    """Write every picture, from a stack on which the demo was played."""
    os.environ.update(stack.environment())
    home = Path(stack.home)
    PICTURES.mkdir(exist_ok=True)
    (PICTURES / "demo.svg").write_text(summary(printed, stack), encoding="utf-8")
    with chromium.tab() as tab:
        pictures = {
            "report": photograph_page(tab, (home / "report.html").read_text(encoding="utf-8"), home, 1000),
            "note": photograph_page(tab, note(Platform.from_environment()), home, 932),
            "airflow": photograph_graph(tab, stack),
        }
    for name, png in pictures.items():
        (PICTURES / f"{name}.png").write_bytes(reduced(png))
    for path in sorted(PICTURES.iterdir()):
        print(f"{path.stat().st_size:>8} bytes  {path.relative_to(CHECKOUT)}")


def main() -> int:
    """Exit code 1 when Chromium is missing."""
    try:
        chromium.program()
    except chromium.ChromiumMissing as missing:
        print(f"make pictures: {missing}", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="modelway-pictures-", ignore_cleanup_errors=True) as folder:
        home = Path(folder)
        try:
            printed = play_demo(home)
            make(require(home), printed)
        finally:
            down(home)
    return 0


if __name__ == "__main__":
    sys.exit(main())
