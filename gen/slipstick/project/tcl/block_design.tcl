# A project with a block design: processor, buses and the system core as IP; its bitstream, the
# .hwh for PYNQ and the .xsa for boot images and Linux, into output/:
#     vivado -mode batch -source block_design.tcl
source [file join [file dirname [file normalize [info script]]] common.tcl]

if {![file exists [file join $here ip slipstick_ip component.xml]]} {
    source [file join $here package_ip.tcl]
}
create_project -force system [file join $here vivado] -part $part
set preset 0
if {$board_part ne "" && [llength [get_board_parts -quiet $board_part]] > 0} {
    set_property board_part $board_part [current_project]
    set preset 1
} else {
    puts "WARNING: this Vivado has no board files for '$board_part': DDR and MIO of the processor\
        are Vivado's defaults, so no boot image can be made of the .xsa"
}
set_property ip_repo_paths [list [file join $here ip]] [current_project]
update_ip_catalog

create_bd_design system
set ps [create_bd_cell -type ip -vlnv xilinx.com:ip:processing_system7:5.5 ps]
apply_bd_automation -rule xilinx.com:bd_rule:processing_system7 \
    -config [list make_external "FIXED_IO, DDR" apply_board_preset $preset \
        Master Disable Slave Disable] $ps
set configuration [list \
    CONFIG.PCW_USE_M_AXI_GP0 1 \
    CONFIG.PCW_USE_S_AXI_HP0 1 \
    CONFIG.PCW_S_AXI_HP0_DATA_WIDTH 64 \
    CONFIG.PCW_USE_FABRIC_INTERRUPT 1 \
    CONFIG.PCW_IRQ_F2P_INTR 1 \
    CONFIG.PCW_EN_CLK0_PORT 1 \
    CONFIG.PCW_EN_RST0_PORT 1 \
    CONFIG.PCW_FPGA0_PERIPHERAL_FREQMHZ $bus_mhz]
if {$separate_clocks} {
    lappend configuration CONFIG.PCW_EN_CLK1_PORT 1 CONFIG.PCW_FPGA1_PERIPHERAL_FREQMHZ $core_mhz
}
if {!$preset} {
    lappend configuration CONFIG.PCW_CRYSTAL_PERIPHERAL_FREQMHZ $ps_clock_mhz
}
set_property -dict $configuration $ps

create_bd_cell -type ip -vlnv slipstick:user:slipstick_ip:1.0 slipstick
create_bd_cell -type ip -vlnv xilinx.com:ip:proc_sys_reset:5.0 reset
foreach name {registers memory} {
    set bus [create_bd_cell -type ip -vlnv xilinx.com:ip:smartconnect:1.0 $name]
    set_property -dict {CONFIG.NUM_SI 1 CONFIG.NUM_MI 1} $bus
}
foreach {from to} {
    ps/M_AXI_GP0 registers/S00_AXI
    registers/M00_AXI slipstick/s_axi
    slipstick/m_axi memory/S00_AXI
    memory/M00_AXI ps/S_AXI_HP0
} {
    connect_bd_intf_net [get_bd_intf_pins $from] [get_bd_intf_pins $to]
}
foreach {from targets} {
    ps/FCLK_CLK0 {
        ps/M_AXI_GP0_ACLK ps/S_AXI_HP0_ACLK reset/slowest_sync_clk
        registers/aclk memory/aclk slipstick/aclk
    }
    ps/FCLK_RESET0_N reset/ext_reset_in
    reset/interconnect_aresetn {registers/aresetn memory/aresetn}
    reset/peripheral_aresetn slipstick/aresetn
    slipstick/interrupt ps/IRQ_F2P
} {
    foreach to $targets {
        connect_bd_net [get_bd_pins $from] [get_bd_pins $to]
    }
}
if {$separate_clocks} {
    connect_bd_net [get_bd_pins ps/FCLK_CLK1] [get_bd_pins slipstick/core_clk]
}
assign_bd_address -offset $register_base -range 64K [get_bd_addr_segs slipstick/s_axi/reg0]
# What is left: the core's view of the DDR.
assign_bd_address
validate_bd_design
save_bd_design

add_files -norecurse [list [make_wrapper -files [get_files system.bd] -top]]
if {$separate_clocks} {
    add_files -fileset constrs_1 -norecurse [placed block_design.xdc]
    # Synthesis of the top sees the cores as empty boxes, without the clocks and cells named there.
    set_property used_in_synthesis false [get_files */block_design.xdc]
}
set_property top system_wrapper [current_fileset]
update_compile_order -fileset sources_1
launch_runs impl_1 -to_step write_bitstream -jobs 2
wait_on_run impl_1
if {[get_property PROGRESS [get_runs impl_1]] ne "100%"} {
    error "the run impl_1 failed: [get_property STATUS [get_runs impl_1]]"
}
open_run impl_1
write_reports
stop_if [judge]

set bit [file join [get_property DIRECTORY [get_runs impl_1]] system_wrapper.bit]
file copy -force $bit [file join $output system.bit]
write_bin $bit [file join $output system.bin]
# Its place differs between releases.
foreach sources {system.gen system.srcs} {
    set hwh [file join $here vivado $sources sources_1 bd system hw_handoff system.hwh]
    if {[file exists $hwh]} {
        file copy -force $hwh [file join $output system.hwh]
        break
    }
}
if {![file exists [file join $output system.hwh]]} {
    error "Vivado left no system.hwh in hw_handoff"
}
write_hw_platform -fixed -include_bit -force [file join $output system.xsa]
