"""Writes da4ml's circuit of a matrix; runs in an environment of its own that has da4ml.

    write_da4ml.py MATRIX.npy ADDERS FOLDER

The matrix is float64 (inputs, outputs), inputs are signed and have 8 bits, and there is a register
behind every so many adders. Prints the cycles of latency.
"""

import sys
from pathlib import Path

import numpy as np
from da4ml.codegen import RTLModel
from da4ml.trace import FixedVariableArrayInput, HWConfig, comb_trace, to_pipeline
from da4ml.trace.ops import quantize

matrix, adders, folder = np.load(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
x = FixedVariableArrayInput((len(matrix),), HWConfig(1, -1, -1))
pipeline = to_pipeline(comb_trace(x, quantize(x, 1, 7, 0) @ matrix), adders)
RTLModel(pipeline, "bench", folder, "verilog").write()
# A register in front of each stage, and one behind the last.
print(len(pipeline[0]) + 1)
