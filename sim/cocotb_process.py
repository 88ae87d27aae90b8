"""Runs cocotb's runner in a process of its own: it changes the environment and may exit."""

import json
import os
import sys
from pathlib import Path


def main() -> None:
    """Runs what the JSON object in the first argument describes."""
    from cocotb_tools import config
    from cocotb_tools.runner import get_runner

    job = json.loads(sys.argv[1])
    # The program finds cocotb's library here, and not by a path compiled into it, so that the
    # build folder may be moved.
    libraries = [str(config.libs_dir), os.environ.get("LD_LIBRARY_PATH", "")]
    os.environ["LD_LIBRARY_PATH"] = os.pathsep.join(filter(None, libraries))
    runner = get_runner(job["simulator"])
    runner.test(
        test_module=job["module"],
        hdl_toplevel=job["top"],
        hdl_toplevel_lang="verilog",
        build_dir=Path(job["program"]).parent,
        test_dir=Path(job["work"]),
        testcase=job["scenarios"],
        seed=job["seed"],
        plusargs=job["plusargs"],
        waves=job["waves"],
        results_xml=str(Path(job["work"]) / "results.xml"),
    )


if __name__ == "__main__":
    main()
