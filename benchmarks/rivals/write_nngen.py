"""Writes NNgen's circuit of a convolution; runs in an environment of its own that has NNgen.

    write_nngen.py OPERATOR WEIGHTS.npy PIXELS FOLDER

The weights are int64 (outputs, kh, kw, inputs), the image has as many rows and columns as pixels,
activations have 8 bits. One channel in and one out at a time, which is NNgen's default.
"""

import sys
from pathlib import Path

import nngen
import numpy as np

operator, weights, pixels = sys.argv[1], np.load(sys.argv[2]), int(sys.argv[3])
x = nngen.placeholder(nngen.int8, shape=(1, pixels, pixels, weights.shape[3]), name="x")
w = nngen.variable(nngen.int8, shape=weights.shape, name="w")
w.set_value(weights)
y = getattr(nngen, operator)(
    x, w, strides=(1, 1, 1, 1), dtype=nngen.int8, sum_dtype=nngen.int32, name="y"
)
circuit = nngen.to_veriloggen([y], "bench", silent=True, config={"maxi_datawidth": 32})
(Path(sys.argv[4]) / "design.v").write_text(circuit.to_verilog())
