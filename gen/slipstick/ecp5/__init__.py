"""Bitstreams for ECP5 boards with open tools, and the host of their serial port."""
