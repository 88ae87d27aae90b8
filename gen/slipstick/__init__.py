"""Slipstick: multiplication-free neural networks from PyTorch to bit-exact Verilog."""
