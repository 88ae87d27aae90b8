# From Verilog to a bitstream, without a project:
#     vivado -mode batch -source build.tcl
source [file join [file dirname [file normalize [info script]]] common.tcl]

create_project -in_memory -part $part
read_verilog -sv [placed $core_sources]
read_verilog -sv [placed $system_sources]
read_verilog -sv [placed $zynq_sources]
read_xdc [placed zynq_top.xdc]

# No DSP slice, whatever Vivado would find one good for.
synth_design -top zynq_top -part $part -max_dsp 0
write_checkpoint -force [file join $output synthesised.dcp]
opt_design
place_design
phys_opt_design
route_design
write_checkpoint -force [file join $output routed.dcp]

write_reports
stop_if [judge]
set bit [file join $output zynq_top.bit]
write_bitstream -force $bit
write_bin $bit [file join $output zynq_top.bin]
