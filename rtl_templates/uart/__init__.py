"""A stream core on a serial line: bytes, packets, frames."""
