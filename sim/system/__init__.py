"""Simulation of the whole system: the C driver, the buses, memory and the system core."""
