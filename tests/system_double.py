"""A stand-in for the system core in hand-written Verilog, in which bugs can be switched on.

It copies one burst of words from ``SOURCE`` to ``DESTINATION``, inverted. Its registers are the
real ones' ``CONTROL.start``, ``STATUS``, ``SOURCE``, ``DESTINATION``, and in place of others the
words of the burst and the number of a `Bug`.
"""

import enum

START, DONE, SOURCE, DESTINATION, WORDS, BUG = 0x40, 0x44, 0x58, 0x5C, 0x60, 0x70


class Bug(enum.IntEnum):
    """What is wrong with the double."""

    NONE = 0
    WITHDRAWS_ADDRESS = 1
    CHANGES_ADDRESS = 2
    TOO_LONG = 3
    NARROW = 4
    FIXED_BURST = 5
    OTHER_ID = 6
    LATE_LAST = 7
    CHANGES_DATA = 8
    WITHDRAWS_DATA = 9
    EXTRA_BEAT = 10
    WITHDRAWS_ANSWER = 11
    CHANGES_ANSWER = 12
    UNASKED_ANSWER = 13
    DEAF_REGISTERS = 14


VERILOG = """module slipstick_system(
  input clk, input rst,
  input [15:0] s_axi_awaddr, input [2:0] s_axi_awprot, input s_axi_awvalid, output s_axi_awready,
  input [31:0] s_axi_wdata, input [3:0] s_axi_wstrb, input s_axi_wvalid, output s_axi_wready,
  output [1:0] s_axi_bresp, output s_axi_bvalid, input s_axi_bready,
  input [15:0] s_axi_araddr, input [2:0] s_axi_arprot, input s_axi_arvalid, output s_axi_arready,
  output [31:0] s_axi_rdata, output [1:0] s_axi_rresp, output s_axi_rvalid, input s_axi_rready,
  output m_axi_arid, output [31:0] m_axi_araddr, output [7:0] m_axi_arlen,
  output [2:0] m_axi_arsize, output [1:0] m_axi_arburst, output [3:0] m_axi_arcache,
  output [2:0] m_axi_arprot, output m_axi_arvalid, input m_axi_arready,
  input m_axi_rid, input [63:0] m_axi_rdata, input [1:0] m_axi_rresp, input m_axi_rlast,
  input m_axi_rvalid, output m_axi_rready,
  output m_axi_awid, output [31:0] m_axi_awaddr, output [7:0] m_axi_awlen,
  output [2:0] m_axi_awsize, output [1:0] m_axi_awburst, output [3:0] m_axi_awcache,
  output [2:0] m_axi_awprot, output m_axi_awvalid, input m_axi_awready,
  output [63:0] m_axi_wdata, output [7:0] m_axi_wstrb, output m_axi_wlast,
  output m_axi_wvalid, input m_axi_wready,
  input m_axi_bid, input [1:0] m_axi_bresp, input m_axi_bvalid, output m_axi_bready,
  output interrupt
);
  reg [31:0] source, destination, words, bug, ticks;
  reg started, done, failed;
  always @(posedge clk) ticks <= rst ? 0 : ticks + 1;
  wire odd = ticks[0];

  // Registers.
  reg aw_full, w_full, b_full, r_full;
  reg [15:0] aw; reg [31:0] w, r;
  wire deaf = bug == 14;
  assign s_axi_awready = ~aw_full & ~deaf;
  assign s_axi_wready = ~w_full & ~deaf;
  assign s_axi_bvalid = b_full & ~(bug == 11 & odd);
  assign s_axi_bresp = aw == 16'h00ff ? 2 : 0;
  assign s_axi_arready = ~r_full & ~deaf;
  assign s_axi_rvalid = r_full | bug == 13;
  assign s_axi_rdata = r ^ (bug == 12 & odd);
  assign s_axi_rresp = 0;
  assign interrupt = done;
  wire store = aw_full & w_full & ~b_full;
  always @(posedge clk) begin
    if (s_axi_awvalid & s_axi_awready) begin aw <= s_axi_awaddr; aw_full <= 1; end
    if (s_axi_wvalid & s_axi_wready) begin w <= s_axi_wdata; w_full <= 1; end
    if (store) begin
      b_full <= 1;
      case (aw)
        16'h58: source <= w;
        16'h5c: destination <= w;
        16'h60: words <= w;
        16'h70: bug <= w;
      endcase
    end
    if (s_axi_bvalid & s_axi_bready) begin b_full <= 0; aw_full <= 0; w_full <= 0; end
    if (s_axi_arvalid & s_axi_arready) begin
      r_full <= 1;
      case (s_axi_araddr)
        16'h44: r <= {failed, done, 1'b0};
        16'h58: r <= source;
        default: r <= 0;
      endcase
    end
    if (r_full & s_axi_rready & s_axi_rvalid) r_full <= 0;
    if (rst) begin aw_full <= 0; w_full <= 0; b_full <= 0; r_full <= 0; bug <= 0; end
  end

  // Memory.
  reg [63:0] buffer[0:31];
  reg [4:0] got, put;
  reg ar, aw_valid, w_valid;
  wire start = store & aw == 16'h40;
  wire [7:0] len = words - 1 + (bug == 3 ? 16 : 0);
  assign m_axi_arid = bug == 6;
  assign m_axi_araddr = source + (bug == 2 & odd ? 8 : 0);
  assign m_axi_arlen = len;
  assign m_axi_arsize = bug == 4 ? 2 : 3;
  assign m_axi_arburst = bug == 5 ? 0 : 1;
  assign m_axi_arcache = 3;
  assign m_axi_arprot = 0;
  assign m_axi_arvalid = ar & ~(bug == 1 & odd);
  assign m_axi_rready = 1;
  assign m_axi_awid = 0;
  assign m_axi_awaddr = destination;
  assign m_axi_awlen = len;
  assign m_axi_awsize = 3;
  assign m_axi_awburst = 1;
  assign m_axi_awcache = 3;
  assign m_axi_awprot = 0;
  assign m_axi_awvalid = aw_valid;
  assign m_axi_wdata = ~buffer[put] ^ (bug == 8 & odd);
  assign m_axi_wstrb = 8'hff;
  assign m_axi_wlast = put == len + (bug == 7);
  assign m_axi_wvalid = w_valid & ~(bug == 9 & odd);
  assign m_axi_bready = 1;
  wire w_end = put == len + (bug == 10);
  always @(posedge clk) begin
    if (start) begin ar <= 1; done <= 0; failed <= 0; got <= 0; put <= 0; end
    if (m_axi_arvalid & m_axi_arready) ar <= 0;
    if (m_axi_rvalid) begin
      buffer[got] <= m_axi_rdata;
      got <= got + 1;
      failed <= failed | (m_axi_rresp != 0);
      if (m_axi_rlast) begin aw_valid <= 1; w_valid <= 1; end
    end
    if (m_axi_awvalid & m_axi_awready) aw_valid <= 0;
    if (m_axi_wvalid & m_axi_wready) begin put <= put + 1; if (w_end) w_valid <= 0; end
    if (m_axi_bvalid) begin done <= 1; failed <= failed | (m_axi_bresp != 0); end
    if (rst) begin ar <= 0; aw_valid <= 0; w_valid <= 0; done <= 0; end
  end
endmodule
"""
