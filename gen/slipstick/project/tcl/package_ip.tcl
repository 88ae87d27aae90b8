# Two IP cores for block designs, into ip/:
#     vivado -mode batch -source package_ip.tcl
# slipstick_ip is the system core on AXI, slipstick_axis the stream core on AXI4-Stream.
source [file join [file dirname [file normalize [info script]]] common.tcl]

proc require_interface {core name} {
    if {[llength [ipx::get_bus_interfaces -quiet $name -of_objects $core]] != 1} {
        error "Vivado did not infer the interface $name from the names of its ports"
    }
}

proc require_signal {core name kind} {
    if {[llength [ipx::get_bus_interfaces -quiet $name -of_objects $core]] == 0} {
        ipx::infer_bus_interface $name xilinx.com:signal:${kind}_rtl:1.0 $core
    }
    require_interface $core $name
}

proc set_parameter {core interface name value} {
    set of [ipx::get_bus_interfaces $interface -of_objects $core]
    if {[llength [ipx::get_bus_parameters -quiet $name -of_objects $of]] == 0} {
        ipx::add_bus_parameter $name $of
    }
    set_property value $value [ipx::get_bus_parameters $name -of_objects $of]
}

# top: the wrapper, plain Verilog, whose file has its name. files: everything, with the wrapper.
# buses: interfaces on aclk. clocks: other clocks. interrupts: outputs.
proc package_core {top display files buses clocks interrupts} {
    global here output part network
    set root [file join $here ip $top]
    file delete -force $root
    file mkdir $root
    create_project -force packaging [file join $output packaging $top] -part $part
    add_files -norecurse [placed $files]
    # By patterns: a path may hold characters that mean something in one.
    set_property file_type SystemVerilog [get_files *.v]
    set_property file_type Verilog [get_files */$top.v]
    set_property top $top [current_fileset]
    update_compile_order -fileset sources_1

    ipx::package_project -root_dir $root -vendor slipstick -library user -taxonomy /UserIP \
        -import_files -set_current true -force
    set core [ipx::current_core]
    set_property name $top $core
    set_property version 1.0 $core
    set_property display_name $display $core
    set_property description "The network $network without multiplications." $core
    require_signal $core aclk clock
    require_signal $core aresetn reset
    set_parameter $core aresetn POLARITY ACTIVE_LOW
    foreach clock $clocks {
        require_signal $core $clock clock
    }
    foreach interrupt $interrupts {
        require_signal $core $interrupt interrupt
        set_parameter $core $interrupt SENSITIVITY LEVEL_HIGH
    }
    foreach bus $buses {
        require_interface $core $bus
        ipx::associate_bus_interfaces -busif $bus -clock aclk $core
    }
    ipx::associate_bus_interfaces -clock aclk -reset aresetn $core
    ipx::create_xgui_files $core
    ipx::update_checksums $core
    ipx::check_integrity $core
    ipx::save_core $core
    close_project
}

package_core slipstick_ip "Slipstick system core: $network" \
    [concat $core_sources $system_sources $ip_sources] \
    {s_axi m_axi} [expr {$separate_clocks ? "core_clk" : ""}] interrupt
package_core slipstick_axis "Slipstick stream core: $network" \
    [concat $core_sources $axis_sources] {s_axis m_axis} {} {}
