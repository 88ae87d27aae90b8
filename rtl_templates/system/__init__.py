"""The system core around a stream core: bus masters, registers, counters, supervision."""
