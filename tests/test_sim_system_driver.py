"""The C driver on the simulated system whose memory fails."""

import re
import subprocess
from pathlib import Path

import pytest

from slipstick.sim.system.program import FLAGS, c_compiler, compile_driver

SOURCE = Path(__file__).parent / "system_driver.c"
CASES = re.findall(r'\{"(\w+)", \1\}', SOURCE.read_text())


@pytest.fixture(scope="session")
def program(picture, tmp_path_factory):
    """``system_driver.c`` in place of the host port's own main."""
    work = tmp_path_factory.mktemp("driver")
    compile_driver(picture.folder, picture.library, work)
    sources = work / "firmware"
    (sources / "main.c").write_text(SOURCE.read_text())
    names = sorted(path.name for path in sources.glob("*.c"))
    link = [str(picture.library), f"-Wl,-rpath,{picture.library.parent}"]
    command = [*c_compiler(), *FLAGS, "-Wall", "-Wextra", "-Werror", "-o", work / "cases"]
    done = subprocess.run(
        [*command, *names, *link], cwd=sources, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return work / "cases"


@pytest.mark.parametrize("profile", ["fast", "random"])
@pytest.mark.parametrize("case", CASES)
def test_case(program, case, profile):
    done = subprocess.run([program, case, profile], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_every_case_is_run():
    assert len(CASES) == len(re.findall(r"^static void \w+\(void\)", SOURCE.read_text(), re.M)) - 1
