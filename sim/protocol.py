"""What the process that starts a cocotb bench and the bench itself agree on."""

FOLDER_VARIABLE = "SLIPSTICK_BENCH"
"""Environment variable: the folder with the job, in which the findings are left."""

PROGRESS = "slipstick-progress"
"""The line that the bench prints when a frame has left the network."""

BACK_TO_BACK = "back_to_back"
RANDOM_TRAFFIC = "random_traffic"
MEASURED_FRAMES = 3
"""Frames of the scenario `BACK_TO_BACK`."""
