"""The command line: what it prints where, its exit codes, and what it leaves behind."""

import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from command_line import files_below, refused
from synthetic_build import write_build

from slipstick import __version__
from slipstick.errors import SlipstickError
from slipstick.explore import Exploration
from slipstick.sim import LayerResult, Mismatch, SimulationResult

HELP_SECONDS = 0.5
PROGRAM = [sys.executable, "-m", "slipstick.cli"]


def test_help_is_fast():
    # Processor time, since other tests run beside this one.
    def spent():
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    seconds = []
    for _ in range(3):
        start = spent()
        done = subprocess.run([*PROGRAM, "--help"], capture_output=True, text=True, check=True)
        seconds.append(spent() - start)
    assert min(seconds) < HELP_SECONDS
    for command in ("compile", "simulate", "synth", "report", "inspect", "doctor"):
        assert command in done.stdout


def test_version(cli):
    assert cli("--version").out == f"slipstick {__version__}\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["compile"],
        ["compile", "m.pt2"],
        ["frobnicate"],
        ["simulate", "x", "--frames", "many"],
        ["simulate", "x", "--frames", "0"],
        ["synth", "x", "--frames", "3"],
    ],
    ids=" ".join,
)
def test_usage_errors(cli, tmp_path, arguments):
    assert "Command line" in refused(cli, tmp_path, *arguments)


# Compiling.


def test_compile_prints_one_object(build):
    wanted = {"layers", "widths", "intervals", "folds", "float_accuracy", "integer_accuracy"}
    assert wanted | {"cycles_per_frame", "frames_per_second"} <= set(build.summary)
    assert build.summary["layers"][0]["name"] == "stem"
    assert build.summary["float_accuracy"] is None


def test_compile_without_calibration_warns_on_stderr(build):
    (warning,) = build.summary["warnings"]
    assert "calibrat" in warning
    assert f"warning: {warning}" in build.err


def test_compile_with_labels_tells_accuracy(cli, model, images, tmp_path):
    done = cli("compile", model, "-o", tmp_path / "out", "--calibrate", images)
    assert done.code == 0, done.err
    assert "warning" not in done.err
    assert "of 20 images" in done.out
    assert "stem" in done.out
    assert (tmp_path / "out/manifest.json").is_file()


def test_accuracy_is_that_of_the_images_to_evaluate(cli, model, images, tmp_path):
    with np.load(images) as archive:
        few = {name: archive[name][:7] for name in archive.files}
    np.savez(tmp_path / "few.npz", **few)
    options = ["--calibrate", images, "--evaluate", tmp_path / "few.npz", "--json"]
    done = json.loads(cli("compile", model, "-o", tmp_path / "out", *options).out)
    assert done["images"] == 7
    manifest = json.loads((tmp_path / "out/manifest.json").read_text())
    assert manifest["accuracy"]["source"] == "evaluation"
    with np.load(tmp_path / "out/frames.npz") as archive:
        assert (archive["labels"] == few["labels"]).all()


def test_name_and_board(cli, model, images, tmp_path):
    options = ["--calibrate", images, "--name", "my net", "--board", "pynq-z2", "--json"]
    done = json.loads(cli("compile", model, "-o", tmp_path / "out", *options).out)
    assert done["board"]["name"] == "pynq-z2"
    assert done["top"].isidentifier()


# Commands on a build folder.


def test_inspect_a_build(cli, toy):
    found = json.loads(cli("inspect", toy, "--json").out)
    assert found["top"] == "tinynet"
    assert found["folds"]["block_conv1"] == {"P": 4, "S": 2, "Q": 9}
    assert found["intervals"]["input"] == [0, 255]
    assert found["widths"]["input"] == 8
    assert "block_conv1" in cli("inspect", toy).out


def test_inspect_a_model(cli, model):
    found = json.loads(cli("inspect", model, "--json").out)
    assert found["input_shape"] == [1, 8, 8]
    kinds = {layer["name"]: layer["kind"] for layer in found["layers"]}
    assert kinds["stem"] == "shift"
    assert kinds["block"] == "l1"
    assert found["operations"]["l1"] == 3 * 3 * 9 * 64
    assert "stem" in cli("inspect", model).out


def test_synth_prints_one_object_and_nothing_else(cli, toy):
    done = cli("synth", toy, "--jobs", 2, "--json")
    wanted = "lut lut_sites ff carry4 bram36 lutram dsp multipliers per_layer".split()
    assert set(wanted) <= set(json.loads(done.out))
    assert (done.code, done.err) == (0, "")
    assert "block_conv1" in cli("synth", toy).out


def test_synth_fails_if_anything_multiplies(cli, tmp_path):
    folder = write_build(tmp_path / "toy", expression="i__payload * old")
    done = cli("synth", folder, "--json")
    assert done.code == 1
    assert json.loads(done.out)["multipliers"] > 0


def result(mismatches):
    wrong = Mismatch(frame=1, channel=2, row=3, column=4, expected=5, got=6)
    layer = LayerResult("conv1.affine", "conv1", mismatches, wrong if mismatches else None, 9.0, 9)
    return SimulationResult(
        frames=3,
        layers_compared=1,
        mismatches=mismatches,
        violations=(),
        cycles_per_frame=9.0,
        ideal_cycles_per_frame=9,
        frames_per_second=1e6,
        latency_cycles=20,
        accuracy=None,
        integer_accuracy=None,
        simulated_frames_per_wall_second=100.0,
        simulated_cycles_per_wall_second=900.0,
        seconds=0.1,
        simulator="verilator",
        per_layer=(layer,),
        output=layer,
    )


@pytest.mark.parametrize(("mismatches", "code"), [(0, 0), (5, 1)])
def test_simulate_fails_on_mismatches(cli, toy, monkeypatch, mismatches, code):
    monkeypatch.setattr("slipstick.sim.simulate", lambda *_, **__: result(mismatches))
    plain = cli("simulate", toy)
    assert plain.code == code
    assert ("channel 2, row 3, column 4: expected 5, got 6" in plain.out) == bool(mismatches)
    machine = cli("simulate", toy, "--json")
    assert (machine.code, json.loads(machine.out)["mismatches"]) == (code, mismatches)


@pytest.mark.parametrize(
    ("mismatches", "multipliers", "code"), [(None, 0, 0), (0, 0, 0), (5, 0, 1), (None, 2, 1)]
)
def test_explore_fails_on_mismatches_and_multipliers(
    cli, monkeypatch, tmp_path, mismatches, multipliers, code
):
    point = {"flaw": None, "mismatches": mismatches, "multipliers": multipliers}
    found = Exploration(tmp_path, {"points": [point], "front": []})
    monkeypatch.setattr("slipstick.explore.explore", lambda *_, **__: found)
    done = cli("explore", "one.pt2", "-o", tmp_path, "--calibrate", "images.npz")
    assert done.code == code


@pytest.mark.parametrize("noise", ["print", "descriptor", "child"])
def test_stdout_holds_only_the_result(cli, toy, monkeypatch, noise):
    def noisy(*_, **__):
        if noise == "print":
            sys.stdout.write("chatter\n")
        elif noise == "descriptor":
            os.write(1, b"chatter\n")
        else:
            subprocess.run(["echo", "chatter"], check=True)
        return result(0)

    monkeypatch.setattr("slipstick.sim.simulate", noisy)
    done = cli("simulate", toy, "--json")
    assert json.loads(done.out)["frames"] == 3
    assert done.err == "chatter\n"


def test_simulate_a_build(cli, build):
    done = cli("simulate", build.folder, "--frames", 2, "--json")
    found = json.loads(done.out)
    assert done.code == 0, done.err
    assert found["frames"] == 2
    assert found["layers_compared"] == len(build.summary["layers"])
    assert found["mismatches"] == 0


def test_report(cli, toy):
    done = cli("report", toy, "--json")
    found = json.loads(done.out)
    assert Path(found["report"]).is_file()
    assert found["build"]["top"] == "tinynet"
    assert "report.html" in cli("report", toy).out


def test_doctor(cli):
    done = cli("doctor", "--json")
    found = json.loads(done.out)
    assert done.code == (0 if found["ok"] else 2)
    assert {"python", "torch", "pyosys", "cache folder", "L1 kernel"} <= {
        check["name"] for check in found["checks"]
    }
    assert all(check["ok"] or check["fix"] for check in found["checks"])


def test_doctor_names_the_missing_package(cli, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    done = cli("doctor", "--json")
    missing = [check for check in json.loads(done.out)["checks"] if not check["ok"]]
    assert done.code == 2
    assert any("g++" in check["fix"] and check["required"] for check in missing)


# Whatever else may happen.


def test_interrupt_ends_cleanly(cli, toy, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("slipstick.sim.simulate", interrupted)
    done = cli("simulate", toy, "--json")
    assert (done.code, done.out, done.err) == (130, "", "interrupted\n")


def test_signal_ends_cleanly(model, tmp_path):
    command = [*PROGRAM, "compile", model, "-o", tmp_path / "out"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as process:
        # The folder in which the build is made says that the compiler is at work.
        while not any(tmp_path.glob(".out-*")) and process.poll() is None:
            time.sleep(0.01)
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out == ""
    assert err.splitlines()[-1] == "interrupted"
    assert "Traceback" not in err
    assert "never used" not in err
    assert files_below(tmp_path) == []


def test_interrupt_in_a_finaliser_is_heard(tmp_path):
    """Python itself would drop the exception there."""
    program = (
        "import os, signal, time\n"
        "from slipstick.interrupts import hear_interrupts\n"
        "class Given:\n"
        "    def __del__(self):\n"
        "        os.kill(os.getpid(), signal.SIGINT)\n"
        "        time.sleep(0)\n"
        "hear_interrupts()\n"
        "try:\n"
        "    Given()\n"
        "    time.sleep(10)\n"
        "except KeyboardInterrupt:\n"
        "    print('heard')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("heard\n", "")


def test_system_error_is_one_line(cli, toy, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device", "/big")

    monkeypatch.setattr("slipstick.sim.simulate", full)
    done = cli("simulate", toy)
    assert done.code == 2
    assert done.err == "error: File '/big': No space left on device; mend that and try again\n"


def test_errors_keep_to_one_line(cli, toy, monkeypatch):
    def chatty(*_, **__):
        raise SlipstickError("Layer 'a\nb'", "line\nline", "fix\nit")

    monkeypatch.setattr("slipstick.sim.simulate", chatty)
    assert cli("simulate", toy).err == "error: Layer 'a b': line line; fix it\n"


def test_bugs_are_not_hidden(cli, toy, monkeypatch):
    def bug(*_, **__):
        raise ZeroDivisionError

    monkeypatch.setattr("slipstick.sim.simulate", bug)
    with pytest.raises(ZeroDivisionError):
        cli("simulate", toy)
