"""Which wheels MWAA's Python and machine can install."""

from __future__ import annotations

from pathlib import Path

import pytest

from ci.terraform import mwaa_wheels


@pytest.mark.parametrize(
    "name",
    [
        "slack_sdk-3.41.0-py2.py3-none-any.whl",
        "aiobotocore-3.4.0-py3-none-any.whl",
        "numpy-2.4.4-cp312-cp312-manylinux_2_27_x86_64.manylinux_2_28_x86_64.whl",
        "cryptography-46.0.7-cp311-abi3-manylinux_2_34_x86_64.whl",
        "pillow-13.0.0-1-cp312-cp312-manylinux2014_x86_64.whl",
        "watchfiles-1.1.1-py312-none-manylinux1_x86_64.whl",
    ],
)
def test_wheels_that_fit(name: str) -> None:
    assert mwaa_wheels.problem(name) == ""


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("numpy-2.4.4-cp311-cp311-manylinux2014_x86_64.whl", "not Python 3.12"),
        ("numpy-2.4.4-cp312-cp312t-manylinux2014_x86_64.whl", "not Python 3.12"),
        ("cryptography-46.0.7-cp313-abi3-manylinux2014_x86_64.whl", "not Python 3.12"),
        ("six-1.0-py2-none-any.whl", "not Python 3.12"),
        ("numpy-2.4.4-cp312-cp312-manylinux_2_35_x86_64.whl", "not x86_64 with glibc 2.34"),
        ("numpy-2.4.4-cp312-cp312-musllinux_1_2_x86_64.whl", "not x86_64"),
        ("numpy-2.4.4-cp312-cp312-manylinux2014_aarch64.whl", "not x86_64"),
        ("numpy-2.4.4-cp312-cp312-macosx_11_0_arm64.whl", "not x86_64"),
        ("numpy-2.4.4.tar.gz", "no wheel"),
    ],
)
def test_wheels_that_do_not(name: str, why: str) -> None:
    assert why in mwaa_wheels.problem(name)


def test_a_pin_without_a_wheel_is_named() -> None:
    wheels = [Path("slack_sdk-3.41.0-py2.py3-none-any.whl")]
    mwaa_wheels.check(wheels, ["slack-sdk==3.41.0"])
    with pytest.raises(SystemExit, match=r"no wheel of pillow==13\.0\.0, slack-sdk==3\.42\.0"):
        mwaa_wheels.check(wheels, ["slack-sdk==3.42.0", "pillow==13.0.0"])
    with pytest.raises(SystemExit, match="cp311"):
        mwaa_wheels.check([Path("x-1-cp311-cp311-manylinux2014_x86_64.whl")], [])


def test_wheels_of_other_pins_lie_elsewhere() -> None:
    assert mwaa_wheels.cache_folder(["a==1"]) != mwaa_wheels.cache_folder(["a==2"])
