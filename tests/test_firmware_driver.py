"""The C driver against a device made of software, compiled strictly and run under sanitizers."""

import re
import shutil
import subprocess

import pytest

CASES = "tests/firmware/test_driver.c"
STRICT = "-std=c11 -Wall -Wextra -Werror -Wconversion -pedantic".split()
SANITIZE = "-g -O1 -fsanitize=address,undefined -fno-sanitize-recover=all".split()

pytestmark = pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed")


def compile_c(*arguments):
    done = subprocess.run(["gcc", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not done.stderr


@pytest.fixture(scope="module")
def program(root, tmp_path_factory):
    """All cases; its argument is the name of one."""
    path = tmp_path_factory.mktemp("firmware") / "cases"
    sources = [root / "firmware/slipstick.c", root / "tests/firmware/mock.c", root / CASES]
    folders = [f"-I{root / 'firmware'}", f"-I{root / 'tests/firmware'}"]
    compile_c(*STRICT, *SANITIZE, *folders, *sources, "-o", path)
    return path


def names(root):
    return re.findall(r"^    CASE\((\w+)\),$", (root / CASES).read_text(), re.MULTILINE)


def pytest_generate_tests(metafunc):
    if "case" in metafunc.fixturenames:
        metafunc.parametrize("case", names(metafunc.config.rootpath))


def test_case(program, case):
    done = subprocess.run([program, case], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_function_is_a_case(root, program):
    functions = re.findall(
        r"^static void (\w+)\(void\) \{", (root / CASES).read_text(), re.MULTILINE
    )
    assert {*functions} - {"set_up"} == {*names(root)}
    listed = subprocess.run([program], capture_output=True, text=True, check=True).stdout
    assert listed.split() == names(root)


def test_an_unknown_case_is_no_success(program):
    assert subprocess.run([program, "nothing"], check=False).returncode == 2


def test_each_cause_has_a_text_of_its_own(program):
    done = subprocess.run([program, "every_cause"], capture_output=True, text=True, check=True)
    assert len({*done.stdout.splitlines()}) == 9


@pytest.mark.parametrize("source", ["slipstick.c", "ports/host/slipstick_host.c"])
def test_static_analysis_finds_nothing(root, tmp_path, source):
    folder = root / "firmware"
    compile_c(
        *STRICT, "-O2", "-fanalyzer", f"-I{folder}", "-c", folder / source, "-o", tmp_path / "o"
    )


def test_headers_are_whole_and_fit_cpp(root, tmp_path):
    for header in ("slipstick.h", "slipstick_port.h", "ports/host/slipstick_sim.h"):
        text = f'#include "{header}"\nint main() {{ return 0; }}\n'
        for name, flags in (("a.c", STRICT), ("a.cpp", ["-Wall", "-Wextra", "-Werror"])):
            (tmp_path / name).write_text(text)
            folder = f"-I{root / 'firmware'}"
            compile_c(*flags, folder, "-c", tmp_path / name, "-o", tmp_path / "o")
