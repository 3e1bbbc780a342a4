"""moto on a Unix socket: `python -m modelway_local.stack.moto_process SOCKET`.

moto takes any key and asks no page where it comes from, so it has no port. The socket lies in a folder that only its
owner may enter: neither a web page nor another user of the machine can speak to it. What moto may be asked, the gateway
asks it.
"""

from __future__ import annotations

import signal
import sys
import tempfile
from pathlib import Path

# Bytes of a socket's path, with the zero at its end: sun_path of unix(7) on Linux is 108, on macOS 104.
LONGEST_PATH = 103
FOLDER_MODE = 0o700


def socket_path(home: Path) -> Path:
    """Where the stack of this state folder has moto's socket; makes its folder.

    A state folder whose path is too long for a socket gets a folder of its own among the temporary ones.
    """
    path = home / "moto" / "socket"
    if len(bytes(path)) > LONGEST_PATH:
        return Path(tempfile.mkdtemp(prefix="modelway-moto-")) / "socket"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.parent.chmod(FOLDER_MODE)
    return path


def serve(path: Path) -> None:
    """Answer until the process is ended. Raises PermissionError if others may enter the socket's folder."""
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
    from werkzeug.serving import run_simple

    if path.parent.stat().st_mode & 0o077:
        raise PermissionError(f"others may enter {path.parent}, where moto's socket is to be")
    dispatcher = DomainDispatcherApplication(create_backend_app)
    run_simple(f"unix://{path}", 0, dispatcher, threaded=True, request_handler=MotoRequestHandler)


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    serve(Path(sys.argv[1]))


if __name__ == "__main__":
    main()
