"""The borders of modules that mapping keeps, and that counting does not want."""

DISSOLVE = ("setattr -mod -unset keep_hierarchy", "flatten")
"""Commands for Yosys behind the mapping, when one flat module is to be counted and timed."""
