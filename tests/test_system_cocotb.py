"""The system core between the bus models of cocotbext-axi: real images to right results."""

import json
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from slipstick import compile as compile_model
from slipstick.built import read_build, read_frames
from slipstick.driver import frame_bytes, model_of
from slipstick.driver.memory import result_bytes
from slipstick.sim.compile import Recipe, Verilated, cocotb_recipe, kept
from slipstick.sim.protocol import FOLDER_VARIABLE
from slipstick.sim.system.library import system_files
from slipstick.sim.system.summary import golden_outputs
from slipstick.system import TOP

SHIPPED = "addressnet resnet_adder shift_lenet shiftaddnet shiftnet sparse_shiftnet".split()


def verilator_program(folder, files):
    made = Verilated("Vtop", TOP, TOP)
    return kept(folder, cocotb_recipe("system_cocotb", made, files, []))


def icarus_program(folder, files):
    def make(work):
        names = sorted(path for path in files if path.endswith(".v"))
        command = ["iverilog", "-g2012", "-f", "time.f", "-o", "sim.vvp", "-s", TOP, *names]
        subprocess.run(command, cwd=work, check=True)

    files = {**files, "time.f": "+timescale+1ns/1ps\n"}
    return kept(folder, Recipe("system_icarus", "sim.vvp", files, make))


def bench(folder, work, *, frames, pauses, simulator="verilator", separate_clocks=False):
    """Runs the bench on the first ``frames`` of build ``folder``; its one cocotb test must pass."""
    manifest, graph = read_build(folder)
    files = system_files(folder, manifest, separate_clocks)
    make = icarus_program if simulator == "icarus" else verilator_program
    program = make(folder, files).absolute()
    images = read_frames(folder, graph)[0][:frames].astype(np.int64)
    model = model_of(folder)
    job = {
        "stages": len(manifest.stages),
        "frame_bytes": model.frame.bytes,
        "result_bytes": model.result.bytes,
        "hash": model.hash_words,
        "frames": frame_bytes(manifest, images).hex(),
        "results": result_bytes(manifest, golden_outputs(graph, images)).hex(),
        "patience": 200_000 + 60 * frames * (manifest.cycles_per_frame + model.frame.bytes),
        "pauses": pauses,
    }
    (work / "job.json").write_text(json.dumps(job))
    document = {
        "simulator": simulator,
        "module": "system_cocotb_bench",
        "top": TOP,
        "program": str(program),
        "work": str(work),
        "scenarios": None,
        "seed": 1,
        "plusargs": ["+verilator+rand+reset+2", "+verilator+seed+7"],
        "waves": False,
    }
    command = [sys.executable, "-m", "slipstick.sim.cocotb_process", json.dumps(document)]
    foreign = ("COCOTB_", "PYTEST_")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(foreign)} | {
        FOLDER_VARIABLE: str(work),
        "PYTHONPATH": str(Path(__file__).parent),
        "PYTHONWARNINGS": "ignore",
    }
    done = subprocess.run(
        command, cwd=work, env=environment, capture_output=True, text=True, check=False
    )
    results = ElementTree.parse(work / "results.xml").getroot()
    assert len(list(results.iter("testcase"))) == 1, done.stdout[-3000:]
    assert not list(results.iter("failure")), done.stdout[-6000:]


# Icarus knows X: what is not reset must not reach the buses.
@pytest.mark.parametrize(
    ("simulator", "separate_clocks"),
    [("icarus", False), pytest.param("verilator", True, marks=pytest.mark.slow)],
)
def test_small_network(picture, tmp_path, simulator, separate_clocks):
    bench(
        picture.folder,
        tmp_path,
        frames=3,
        pauses=[0.0, 0.5],
        simulator=simulator,
        separate_clocks=separate_clocks,
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_network(root, tmp_path, name):
    data = root / "examples/data"
    folder = tmp_path / name
    compile_model(
        root / f"examples/checkpoints/{name}.pt2",
        output=folder,
        calibrate=data / "fashion_mnist_calibration.npz",
        evaluate=data / "fashion_mnist_test.npz",
    )
    work = tmp_path / "work"
    work.mkdir()
    bench(folder, work, frames=2, pauses=[0.2])
