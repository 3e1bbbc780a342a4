"""Layers become folders, and nothing that a tar says leads out of them."""

from __future__ import annotations

import io
import tarfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from modelway_local.registry.unpacking import LayerInvalid, lay_over, made_once, unpack_layer


def archive(path: Path, *members: tarfile.TarInfo | tuple[str, str]) -> Path:
    """A gzipped tar of (name, content) files and ready-made members."""
    with tarfile.open(path, "w:gz") as tar:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                tar.addfile(member)
                continue
            info = tarfile.TarInfo(member[0])
            info.size = len(member[1])
            tar.addfile(info, io.BytesIO(member[1].encode()))
    return path


def link(name: str, to: str, kind: bytes = tarfile.SYMTYPE) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, to
    return info


def layered(tmp_path: Path, *layers: tuple[tarfile.TarInfo | tuple[str, str], ...]) -> Path:
    """The layers unpacked and laid over each other, lowest first."""
    target = tmp_path / "rootfs"
    target.mkdir()
    for number, members in enumerate(layers):
        folder = tmp_path / f"layer-{number}"
        folder.mkdir()
        unpack_layer(archive(tmp_path / f"{number}.tar.gz", *members), folder)
        lay_over(folder, target)
    return target


@pytest.mark.parametrize(
    "member",
    [
        pytest.param(("../out", "x"), id="a name above"),
        pytest.param(link("a", "../../out"), id="a symlink above"),
        pytest.param(link("a", "../../out", tarfile.LNKTYPE), id="a hard link above"),
    ],
)
def test_what_leads_out_is_refused(tmp_path: Path, member: tarfile.TarInfo | tuple[str, str]) -> None:
    with pytest.raises(LayerInvalid):
        layered(tmp_path, (member,))
    assert not (tmp_path / "out").exists()


def test_a_file_that_is_no_tar_is_refused(tmp_path: Path) -> None:
    (tmp_path / "layer").write_bytes(b"not a tar")
    with pytest.raises(LayerInvalid):
        unpack_layer(tmp_path / "layer", tmp_path)


def test_an_absolute_link_means_the_images_own_root(tmp_path: Path) -> None:
    root = layered(tmp_path, (("etc/real", "here"), link("usr/bin/tool", "/etc/real"), link("top", "/")))
    assert (root / "usr/bin/tool").read_text() == "here"
    assert (root / "top").resolve() == root


def test_links_to_folders_survive_and_devices_do_not(tmp_path: Path) -> None:
    root = layered(tmp_path, (("usr/bin/tool", "x"), link("bin", "usr/bin"), link("dev/null", "", tarfile.CHRTYPE)))
    assert (root / "bin/tool").read_text() == "x"
    assert not (root / "dev/null").exists()


def test_the_upper_layer_wins_and_the_lower_one_stays_as_it_was(tmp_path: Path) -> None:
    root = layered(tmp_path, (("a", "old"), ("kept", "k")), (("a", "new"),))
    assert ((root / "a").read_text(), (root / "kept").read_text()) == ("new", "k")
    assert (tmp_path / "layer-0" / "a").read_text() == "old"


def test_a_file_replaces_a_folder_and_a_folder_a_file(tmp_path: Path) -> None:
    root = layered(tmp_path, (("a/b", "x"), ("c", "x")), (("a", "file"), ("c/d", "deep")))
    assert ((root / "a").read_text(), (root / "c/d").read_text()) == ("file", "deep")


def test_a_folder_over_a_link_does_not_write_through_it(tmp_path: Path) -> None:
    root = layered(tmp_path, (("real/a", "old"), link("way", "real")), (("way/a", "new"),))
    assert ((root / "real/a").read_text(), (root / "way/a").read_text()) == ("old", "new")


@pytest.mark.parametrize("gone", ["d/a", "d"])
def test_a_whiteout_hides_what_is_below(tmp_path: Path, gone: str) -> None:
    folder, _, name = gone.rpartition("/")
    marker = f"{folder}/.wh.{name}" if folder else f".wh.{name}"
    root = layered(tmp_path, (("d/a", "x"), ("e", "x")), ((marker, ""),))
    assert not (root / gone).exists()
    assert (root / "e").exists()
    assert not list(root.rglob(".wh.*"))


def test_an_opaque_folder_hides_all_that_is_below_but_not_its_own(tmp_path: Path) -> None:
    root = layered(tmp_path, (("d/old", "x"),), (("d/.wh..wh..opq", ""), ("d/new", "x")))
    assert [path.name for path in (root / "d").iterdir()] == ["new"]


@pytest.mark.parametrize("name", ["d/.wh...", "d/.wh..", "d/.wh."])
def test_a_whiteout_names_no_folder_above(tmp_path: Path, name: str) -> None:
    root = layered(tmp_path, (("d/a", "x"), ("e", "x")), ((name, ""),))
    assert (root / "d/a").exists()
    assert (root / "e").exists()


def test_a_whiteout_does_not_follow_a_link(tmp_path: Path) -> None:
    root = layered(tmp_path, (("real/a", "x"), link("way", "real")), (("way/.wh.a", ""),))
    assert (root / "real/a").exists()


def test_eight_at_once_make_one_folder(tmp_path: Path) -> None:
    def fill(partial: Path) -> None:
        (partial / "file").write_text("whole")

    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _: made_once(tmp_path / "made", fill), range(8)))
    assert found == {tmp_path / "made"}
    assert [path.name for path in tmp_path.iterdir()] == ["made"]


def test_a_failure_leaves_nothing_and_the_next_try_works(tmp_path: Path) -> None:
    def fail(_: Path) -> None:
        raise LayerInvalid("broken")

    with pytest.raises(LayerInvalid):
        made_once(tmp_path / "made", fail)
    assert not list(tmp_path.iterdir())
    assert made_once(tmp_path / "made", lambda partial: (partial / "file").touch()).is_dir()
