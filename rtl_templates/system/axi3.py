"""The ports of the Zynq-7000's processor that the system core uses, by their names in `PS7`.

Names and widths: the cell `PS7` of Xilinx's library, as Yosys's ``cells_xtra.v`` lists it; meaning:
Arm IHI 0022 on AXI3.
"""

from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["GP", "GP_ID_BITS", "HP_ID_BITS"]

GP_ID_BITS = 12
HP_ID_BITS = 6


def _gp_address(prefix: str) -> dict[str, wiring.Member]:
    return {
        f"{prefix}id": Out(GP_ID_BITS),
        f"{prefix}addr": Out(32),
        f"{prefix}len": Out(4),
        f"{prefix}size": Out(2),
        f"{prefix}burst": Out(2),
        f"{prefix}valid": Out(1),
        f"{prefix}ready": In(1),
    }


GP = wiring.Signature(
    {
        **_gp_address("aw"),
        "wdata": Out(32),
        "wstrb": Out(4),
        "wvalid": Out(1),
        "wready": In(1),
        "bid": In(GP_ID_BITS),
        "bresp": In(2),
        "bvalid": In(1),
        "bready": Out(1),
        **_gp_address("ar"),
        "rid": In(GP_ID_BITS),
        "rdata": In(32),
        "rresp": In(2),
        "rlast": In(1),
        "rvalid": In(1),
        "rready": Out(1),
    }
)
"""``MAXIGP0``, seen from the processor: AXI3 without what a register block does not care for."""
