"""The hardware: Amaranth components that know of no network."""
