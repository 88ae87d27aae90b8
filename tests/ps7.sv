// A stand-in for the processor of a Zynq-7000: a program at GP0, memory at HP0, clocks that nothing
// buffers, a reset that comes at any time. The program runs one frame through the system core.
//
// Plusargs: frame (hex bytes), source, destination, length, result (bytes).
`timescale 1ns / 1ps

module BUFG (
    input  I,
    output O
);
    assign O = I;
endmodule

module PS7 (
    output [3:0] FCLKCLK, output reg [3:0] FCLKRESETN, input [19:0] IRQF2P,
    input MAXIGP0ACLK,
    output reg [31:0] MAXIGP0ARADDR, output reg [11:0] MAXIGP0ARID, output reg [3:0] MAXIGP0ARLEN,
    output reg [1:0] MAXIGP0ARSIZE, output reg [1:0] MAXIGP0ARBURST, output reg MAXIGP0ARVALID,
    input MAXIGP0ARREADY,
    input [31:0] MAXIGP0RDATA, input [11:0] MAXIGP0RID, input [1:0] MAXIGP0RRESP,
    input MAXIGP0RLAST, input MAXIGP0RVALID, output reg MAXIGP0RREADY,
    output reg [31:0] MAXIGP0AWADDR, output reg [11:0] MAXIGP0AWID, output reg [3:0] MAXIGP0AWLEN,
    output reg [1:0] MAXIGP0AWSIZE, output reg [1:0] MAXIGP0AWBURST, output reg MAXIGP0AWVALID,
    input MAXIGP0AWREADY,
    output reg [31:0] MAXIGP0WDATA, output reg [3:0] MAXIGP0WSTRB, output reg MAXIGP0WVALID,
    input MAXIGP0WREADY,
    input [11:0] MAXIGP0BID, input [1:0] MAXIGP0BRESP, input MAXIGP0BVALID,
    output reg MAXIGP0BREADY,
    input SAXIHP0ACLK,
    input [31:0] SAXIHP0ARADDR, input [5:0] SAXIHP0ARID, input [3:0] SAXIHP0ARLEN,
    input [1:0] SAXIHP0ARSIZE, input [1:0] SAXIHP0ARBURST, input [1:0] SAXIHP0ARLOCK,
    input [3:0] SAXIHP0ARCACHE, input [2:0] SAXIHP0ARPROT, input [3:0] SAXIHP0ARQOS,
    input SAXIHP0ARVALID, output reg SAXIHP0ARREADY,
    output reg [63:0] SAXIHP0RDATA, output reg [1:0] SAXIHP0RRESP, output reg SAXIHP0RLAST,
    output reg SAXIHP0RVALID, input SAXIHP0RREADY,
    input [31:0] SAXIHP0AWADDR, input [5:0] SAXIHP0AWID, input [3:0] SAXIHP0AWLEN,
    input [1:0] SAXIHP0AWSIZE, input [1:0] SAXIHP0AWBURST, input [1:0] SAXIHP0AWLOCK,
    input [3:0] SAXIHP0AWCACHE, input [2:0] SAXIHP0AWPROT, input [3:0] SAXIHP0AWQOS,
    input SAXIHP0AWVALID, output reg SAXIHP0AWREADY,
    input [63:0] SAXIHP0WDATA, input [7:0] SAXIHP0WSTRB, input [5:0] SAXIHP0WID,
    input SAXIHP0WLAST, input SAXIHP0WVALID, output reg SAXIHP0WREADY,
    output reg [1:0] SAXIHP0BRESP, output reg SAXIHP0BVALID, input SAXIHP0BREADY
);
    localparam BASE = 32'h43C00000, MEMORY = 32'h00100000, BYTES = 65536;
    // All is driven at the falling edge, and looked at shortly before the rising one.
    localparam BEFORE = 4;

    reg bus = 0, core = 0;
    always #5 bus = ~bus;
    always #1.9 core = ~core;
    assign FCLKCLK = {2'b00, core, bus};

    reg [7:0] memory[0:BYTES-1];
    reg [31:0] data[0:15];
    reg [1:0] answer;
    reg ok;
    integer source, destination, length, size, at;
    reg [1023:0] frame;

    task fail(input [1023:0] text);
        begin
            $display("FAILED %0s", text);
            $fatal;
        end
    endtask

    task read(input [31:0] address, input [3:0] beats, input [11:0] id);
        integer beat;
        begin
            MAXIGP0ARADDR = address; MAXIGP0ARLEN = beats; MAXIGP0ARID = id; MAXIGP0ARVALID = 1;
            ok = 0;
            while (!ok) begin #BEFORE ok = MAXIGP0ARREADY; @(negedge MAXIGP0ACLK); end
            MAXIGP0ARVALID = 0; MAXIGP0RREADY = 1;
            answer = 0;
            for (beat = 0; beat <= beats; beat = beat + 1) begin
                ok = 0;
                while (!ok) begin
                    #BEFORE ok = MAXIGP0RVALID;
                    data[beat] = MAXIGP0RDATA;
                    if (ok) begin
                        answer = answer | MAXIGP0RRESP;
                        if (MAXIGP0RID != id) fail("RID is not the request's");
                        if (MAXIGP0RLAST != (beat == beats)) fail("RLAST is with another beat");
                    end
                    @(negedge MAXIGP0ACLK);
                end
            end
            MAXIGP0RREADY = 0;
        end
    endtask

    task write(input [31:0] address, input [31:0] word, input [11:0] id);
        begin
            MAXIGP0AWADDR = address; MAXIGP0AWLEN = 0; MAXIGP0AWID = id; MAXIGP0AWVALID = 1;
            ok = 0;
            while (!ok) begin #BEFORE ok = MAXIGP0AWREADY; @(negedge MAXIGP0ACLK); end
            MAXIGP0AWVALID = 0;
            MAXIGP0WDATA = word; MAXIGP0WSTRB = 15; MAXIGP0WVALID = 1;
            ok = 0;
            while (!ok) begin #BEFORE ok = MAXIGP0WREADY; @(negedge MAXIGP0ACLK); end
            MAXIGP0WVALID = 0; MAXIGP0BREADY = 1;
            ok = 0;
            while (!ok) begin
                #BEFORE ok = MAXIGP0BVALID;
                answer = MAXIGP0BRESP;
                if (ok && MAXIGP0BID != id) fail("BID is not the request's");
                @(negedge MAXIGP0ACLK);
            end
            MAXIGP0BREADY = 0;
        end
    endtask

    task set(input [31:0] offset, input [31:0] word);
        begin
            write(BASE + offset, word, offset[11:0]);
            if (answer != 0) fail("a write was not answered OKAY");
        end
    endtask

    initial begin
        if (!$value$plusargs("source=%d", source)) fail("source");
        if (!$value$plusargs("destination=%d", destination)) fail("destination");
        if (!$value$plusargs("length=%d", length)) fail("length");
        if (!$value$plusargs("result=%d", size)) fail("result");
        if (!$value$plusargs("frame=%s", frame)) fail("frame");
        for (at = 0; at < BYTES; at = at + 1) memory[at] = 8'h5A;
        $readmemh(frame, memory, source);
        MAXIGP0ARVALID = 0; MAXIGP0AWVALID = 0; MAXIGP0WVALID = 0;
        MAXIGP0RREADY = 0; MAXIGP0BREADY = 0;
        MAXIGP0ARSIZE = 2; MAXIGP0ARBURST = 1; MAXIGP0AWSIZE = 2; MAXIGP0AWBURST = 1;
        FCLKRESETN = 0;
        #163 FCLKRESETN = 15;
        repeat (20) @(negedge MAXIGP0ACLK);

        read(BASE + 32'h000, 0, 12'h5A5);
        if (answer != 0 || data[0] != 32'h534C4950) fail("ID");
        read(BASE + 32'h000, 3, 12'hFFF);
        if (answer != 0 || data[0] != 32'h534C4950 || data[3] != length) fail("a burst of reads");
        read(BASE + 32'h10000, 1, 12'h001);
        if (answer != 3) fail("an address outside is not answered DECERR");
        read(BASE + 32'h0F00, 0, 12'h002);
        if (answer != 2) fail("an address without a register is not answered SLVERR");

        set(32'h048, 1);                     // IRQ_ENABLE.done
        set(32'h054, length);                // LENGTH
        set(32'h058, MEMORY + source);       // SOURCE
        set(32'h05C, MEMORY + destination);  // DESTINATION
        set(32'h060, 1);                     // FRAMES
        set(32'h06C, 32'd100000);            // WATCHDOG
        if (IRQF2P != 0) fail("an interrupt before the start");
        set(32'h040, 1);                     // CONTROL.start
        wait (IRQF2P[0]);
        @(negedge MAXIGP0ACLK);
        if (IRQF2P != 1) fail("another interrupt, too");
        read(BASE + 32'h044, 0, 12'h003);
        if (data[0] != 2) fail("STATUS is not done alone");
        read(BASE + 32'h084, 0, 12'h004);
        if (data[0] != 1) fail("FRAMES_WRITTEN");
        set(32'h04C, 1);                     // IRQ_STATUS.done
        repeat (2) @(negedge MAXIGP0ACLK);
        if (IRQF2P != 0) fail("the interrupt stays");
        $write("RESULT ");
        for (at = destination - 8; at < destination + size + 8; at = at + 1)
            $write("%02x", memory[at]);
        $display("");
        $finish;
    end

    initial #2000000 fail("timeout");

    integer read_at, read_beat;
    reg read_ok;
    initial begin
        SAXIHP0ARREADY = 0; SAXIHP0RVALID = 0; SAXIHP0RRESP = 0;
        forever begin
            @(negedge SAXIHP0ACLK);
            SAXIHP0ARREADY = 1;
            read_ok = 0;
            while (!read_ok) begin
                #BEFORE read_ok = SAXIHP0ARVALID;
                read_at = SAXIHP0ARADDR - MEMORY;
                read_beat = SAXIHP0ARLEN;
                if (read_ok && (SAXIHP0ARSIZE != 3 || SAXIHP0ARBURST != 1 || SAXIHP0ARID != 0
                                || SAXIHP0ARLOCK != 0 || SAXIHP0ARADDR[2:0] != 0))
                    fail("a read that HP0 does not take");
                @(negedge SAXIHP0ACLK);
            end
            SAXIHP0ARREADY = 0;
            while (read_beat >= 0) begin
                SAXIHP0RDATA = {memory[read_at+7], memory[read_at+6], memory[read_at+5],
                    memory[read_at+4], memory[read_at+3], memory[read_at+2], memory[read_at+1],
                    memory[read_at]};
                SAXIHP0RLAST = read_beat == 0;
                SAXIHP0RVALID = 1;
                read_ok = 0;
                while (!read_ok) begin #BEFORE read_ok = SAXIHP0RREADY; @(negedge SAXIHP0ACLK); end
                SAXIHP0RVALID = 0;
                read_at = read_at + 8;
                read_beat = read_beat - 1;
            end
        end
    end

    integer write_at, write_beat, lane;
    reg write_ok;
    initial begin
        SAXIHP0AWREADY = 0; SAXIHP0WREADY = 0; SAXIHP0BVALID = 0; SAXIHP0BRESP = 0;
        forever begin
            @(negedge SAXIHP0ACLK);
            SAXIHP0AWREADY = 1;
            write_ok = 0;
            while (!write_ok) begin
                #BEFORE write_ok = SAXIHP0AWVALID;
                write_at = SAXIHP0AWADDR - MEMORY;
                write_beat = SAXIHP0AWLEN;
                if (write_ok && (SAXIHP0AWSIZE != 3 || SAXIHP0AWBURST != 1 || SAXIHP0AWID != 0
                                 || SAXIHP0AWLOCK != 0 || SAXIHP0AWADDR[2:0] != 0))
                    fail("a write that HP0 does not take");
                @(negedge SAXIHP0ACLK);
            end
            SAXIHP0AWREADY = 0;
            SAXIHP0WREADY = 1;
            while (write_beat >= 0) begin
                write_ok = 0;
                while (!write_ok) begin
                    #BEFORE write_ok = SAXIHP0WVALID;
                    if (write_ok) begin
                        if (SAXIHP0WLAST != (write_beat == 0)) fail("WLAST is with another beat");
                        if (SAXIHP0WID != 0) fail("WID");
                        for (lane = 0; lane < 8; lane = lane + 1)
                            if (SAXIHP0WSTRB[lane])
                                memory[write_at+lane] = SAXIHP0WDATA[8*lane+:8];
                    end
                    @(negedge SAXIHP0ACLK);
                end
                write_at = write_at + 8;
                write_beat = write_beat - 1;
            end
            SAXIHP0WREADY = 0;
            SAXIHP0BVALID = 1;
            write_ok = 0;
            while (!write_ok) begin #BEFORE write_ok = SAXIHP0BREADY; @(negedge SAXIHP0ACLK); end
            SAXIHP0BVALID = 0;
        end
    end
endmodule

module bench;
    zynq_top top ();
endmodule
