# A recorder of Vivado's commands: called as Vivado is, it sources a script and checks every
# command against the syntax in UG835 (and, for ipx::, in published scripts), in an order that
# Vivado would take, with files that are there. It makes no circuit: results come from the
# environment. Writes each call as a line of JSON into $RECORD.
#
#     RECORD=calls tclsh vivado.tcl -mode batch -source build.tcl

proc setting {name default} {
    return [expr {[info exists ::env($name)] ? $::env($name) : $default}]
}

proc json {text} {
    set escaped [string map [list \\ \\\\ \" \\\" \n \\n \t \\t] $text]
    return "\"$escaped\""
}

proc record {command arguments} {
    set file [open $::env(RECORD) a]
    fconfigure $file -encoding utf-8
    puts $file "\[[join [lmap word [concat [list $command] $arguments] {json $word}] {, }]\]"
    close $file
}

# Evaluated where it is called.
proc need {condition cause} {
    if {![uplevel 1 [list expr $condition]]} {
        error $cause
    }
}

# Defines a command: its flags, its options with a value, how many other arguments it has. The
# body finds options as a dict in $given and the others in $rest.
proc vivado {name flags options least most body} {
    set check [list $name $flags $options $least $most]
    proc $name args [string map [list CHECK $check BODY $body] {
        lassign [parsed {CHECK} $args] given rest
        BODY
    }]
}

proc parsed {check arguments} {
    lassign $check name flags options least most
    record $name $arguments
    set given {}
    set rest {}
    for {set at 0} {$at < [llength $arguments]} {incr at} {
        set word [lindex $arguments $at]
        if {$word in $flags || $word in {-quiet -verbose}} {
            dict set given $word 1
        } elseif {$word in $options} {
            incr at
            need {$at < [llength $arguments]} "$name: $word has no value"
            dict set given $word [lindex $arguments $at]
        } elseif {[string match {-[a-z]*} $word]} {
            error "$name: unknown option '$word'"
        } else {
            lappend rest $word
        }
    }
    set count [llength $rest]
    need {$count >= $least && $count <= $most} "$name: $count arguments, $least to $most expected"
    return [list $given $rest]
}

proc option {given name default} {
    return [expr {[dict exists $given $name] ? [dict get $given $name] : $default}]
}

proc touch {path {content {}}} {
    file mkdir [file dirname $path]
    set file [open $path wb]
    puts -nonewline $file $content
    close $file
}

proc need_files {paths} {
    foreach path $paths {
        need {[file isfile $path]} "file '$path' does not exist"
    }
}

# The ports of a module, whose file has its name, as name and direction.
proc ports_of {module} {
    foreach path [concat [dict keys $::state(files)]] {
        if {[file tail $path] eq "$module.v"} {
            set file [open $path]
            set text [read $file]
            close $file
            set ports {}
            foreach {- direction name} \
                [regexp -all -inline -line {^  (input|output) (?:\[[0-9:]+\] )?(\w+);$} $text] {
                dict set ports $name $direction
            }
            return $ports
        }
    }
    error "no file of the project is named $module.v"
}

array set state {project {} part {} files {} xdc {} stage {} clocks {} core {} repositories {}
    saved 0 ran 0 top {}}

# Projects and files.

vivado create_project {-in_memory -force} {-part} 0 2 {
    need {$::state(project) eq ""} "a project is open"
    need {[dict exists $given -in_memory] || [llength $rest] == 2} "a project needs a name and a folder"
    set ::state(project) [expr {[llength $rest] ? [lindex $rest 1] : "memory"}]
    set ::state(part) [dict get $given -part]
    set ::state(files) {}
}
vivado close_project {-delete} {} 0 0 {
    need {$::state(project) ne ""} "no project is open"
    set ::state(project) {}
}
vivado read_verilog {-sv} {-library} 1 1 {
    need {$::state(project) ne ""} "no project is open"
    need_files [lindex $rest 0]
    foreach path [lindex $rest 0] {
        dict set ::state(files) $path [expr {[dict exists $given -sv] ? "SystemVerilog" : "Verilog"}]
    }
}
vivado read_xdc {-unmanaged -no_add} {-cells -ref -mode} 1 1 {
    need {$::state(project) ne ""} "no project is open"
    need_files [lindex $rest 0]
    lappend ::state(xdc) {*}[lindex $rest 0]
}
vivado add_files {-norecurse -force -scan_for_includes} {-fileset} 1 1 {
    need {$::state(project) ne ""} "no project is open"
    need_files [lindex $rest 0]
    foreach path [lindex $rest 0] {
        if {[option $given -fileset sources_1] eq "constrs_1"} {
            lappend ::state(xdc) $path
        } else {
            dict set ::state(files) $path Verilog
        }
    }
}
vivado get_files {-all} {-of_objects -filter} 0 1 {
    if {[lindex $rest 0] eq "system.bd"} {
        need {$::state(saved)} "the block design was not saved"
        return system.bd
    }
    set found [dict keys $::state(files) [lindex $rest 0]]
    lappend found {*}[lsearch -all -inline $::state(xdc) [lindex $rest 0]]
    need {[llength $found] > 0} "no file '[lindex $rest 0]' in the project"
    return $found
}
vivado current_project {} {} 0 0 {return project}
vivado current_fileset {-simset -constrset} {} 0 0 {return sources}
vivado update_compile_order {} {-fileset} 0 0 {need {[option $given -fileset {}] eq "sources_1"} "fileset"}
vivado update_ip_catalog {-rebuild} {-repo_path} 0 0 {}
vivado get_board_parts {-latest_file_version} {-filter} 0 1 {
    return [expr {[setting BOARD_FILES 1] ? [lindex $rest 0] : {}}]
}

vivado set_property {} {-dict -name -value -objects} 0 3 {
    if {[dict exists $given -dict]} {
        set pairs [dict get $given -dict]
        set object [lindex $rest 0]
        need {[llength $rest] == 1} "set_property -dict takes one object"
    } else {
        need {[llength $rest] == 3} "set_property takes a name, a value and an object"
        set pairs [lrange $rest 0 1]
        set object [lindex $rest 2]
    }
    need {[llength $pairs] % 2 == 0} "set_property: a name without a value"
    need {$object ne ""} "set_property: no object"
    foreach {name value} $pairs {
        set ::property($object,$name) $value
        if {$name eq "file_type"} {
            need {$value in {SystemVerilog Verilog XDC}} "no file type '$value'"
            foreach path $object {
                dict set ::state(files) $path $value
            }
        }
        if {$name eq "ip_repo_paths"} {
            set ::state(repositories) $value
        }
        if {$object eq "sources" && $name eq "top"} {
            set ::state(top) $value
        }
    }
}
vivado get_property {-min -max} {} 2 2 {
    lassign $rest name object
    switch $name,$object {
        SLACK,setup {return [setting SETUP_SLACK 0.512]}
        SLACK,hold {return [setting HOLD_SLACK 0.031]}
        PROGRESS,impl_1 {return [expr {[setting RUN_FAILS 0] ? "40%" : "100%"}]}
        STATUS,impl_1 {return "route_design ERROR"}
        DIRECTORY,impl_1 {return [file join $::state(project) system.runs impl_1]}
    }
    error "no property $name of '$object'"
}

# Synthesis to bitstream.

proc advance {from to} {
    need {$::state(stage) in $from} "$to comes after [join $from { or }], not after '$::state(stage)'"
    set ::state(stage) $to
}

vivado synth_design {-assert} {-top -part -max_dsp -flatten_hierarchy -directive} 0 0 {
    advance {{}} synth_design
    need {[dict get $given -part] eq $::state(part)} "the part is not the project's"
    set ports [ports_of [dict get $given -top]]
    set ::state(ports) [dict keys $ports]
    foreach path $::state(xdc) {
        uplevel #0 [list source $path]
    }
    need {[llength $::state(clocks)] > 0} "no clock is constrained"
}
vivado opt_design {} {-directive} 0 0 {advance synth_design opt_design}
vivado place_design {} {-directive} 0 0 {advance opt_design place_design}
vivado phys_opt_design {} {-directive} 0 0 {advance place_design phys_opt_design}
vivado route_design {} {-directive} 0 0 {advance {place_design phys_opt_design} route_design}
vivado write_checkpoint {-force} {} 1 1 {
    need {$::state(stage) ne ""} "there is no design"
    touch [lindex $rest 0]
}

proc need_routed {} {
    need {$::state(stage) eq "route_design"} "the design is not routed"
}

foreach {name flags options} {
    report_timing_summary {-warn_on_violation -report_unconstrained} {-file -max_paths -delay_type}
    report_power {} {-file}
    report_drc {} {-file -ruledecks}
} {
    vivado $name $flags $options 0 0 {
        need_routed
        touch [dict get $given -file]
    }
}
vivado report_utilization {-hierarchical} {-file -hierarchical_depth} 0 0 {
    need_routed
    # The layout of the real report's rows.
    touch [dict get $given -file] "\
+----------------------------+-------+-------+------------+-----------+-------+
|          Site Type         |  Used | Fixed | Prohibited | Available | Util% |
+----------------------------+-------+-------+------------+-----------+-------+
| Slice LUTs                 | 12345 |     0 |          0 |    218600 |  5.65 |
|   LUT as Logic             | 12000 |     0 |          0 |    218600 |  5.49 |
| Slice Registers            | 23456 |     0 |          0 |    437200 |  5.37 |
+----------------------------+-------+-------+------------+-----------+-------+
| Block RAM Tile             |  17.5 |     0 |          0 |       545 |  3.21 |
| DSPs                       |     [setting DSPS 0] |     0 |          0 |       900 |  0.00 |
+----------------------------+-------+-------+------------+-----------+-------+
"
}
vivado get_timing_paths {-setup -hold} {-max_paths -nworst -from -to -group} 0 0 {
    need_routed
    if {[setting UNCONSTRAINED 0]} {
        return {}
    }
    return [expr {[dict exists $given -hold] ? "hold" : "setup"}]
}
vivado get_cells {-hierarchical} {-filter} 0 1 {
    switch -glob [option $given -filter {}] {
        "IS_PRIMITIVE && REF_NAME =~ DSP48\\*" {return [lrepeat [setting DSPS 0] dsp]}
        "IS_PRIMITIVE && REF_NAME =~ LD\\?E" {return [lrepeat [setting LATCHES 0] latch]}
        "NAME =~ */stage0_reg* || NAME =~ */stage1_reg*" {return {stage0_reg stage1_reg}}
    }
    error "unexpected filter '[option $given -filter {}]'"
}

# A bit file of a few words: header as Xilinx's tools write it, then FFFFFFFF AA995566 01020304.
proc sample_bit {} {
    set data [binary format H* ffffffffaa99556601020304]
    set bit [binary format SH*S 9 0ff00ff00ff00ff000 1]
    foreach {letter text} {a zynq_top;UserID=0XFFFFFFFF b 7z045ffg900 c 2026/11/25 d 12:00:00} {
        append bit $letter [binary format S [expr {[string length $text] + 1}]] $text \0
    }
    return [append bit e [binary format I [string length $data]] $data]
}
vivado write_bitstream {-force -bin_file} {} 1 1 {
    need_routed
    touch [lindex $rest 0] [sample_bit]
}

# Constraints.

vivado create_clock {-add} {-name -period -waveform} 1 1 {
    need {[dict get $given -period] > 0} "a period must be positive"
    lappend ::state(clocks) [dict get $given -name]
}
vivado get_clocks {} {-of_objects} 0 1 {
    set name [lindex $rest 0]
    need {$name in $::state(clocks) || [string match clk_fpga_* $name]} "no clock '$name'"
    return $name
}
vivado get_pins {-hierarchical} {-filter -of_objects} 1 1 {
    need {[regexp {^ps/FCLK(CLK|RESETN)\[[0-3]\]$} [lindex $rest 0]]} "no pin '[lindex $rest 0]'"
    return $rest
}
vivado get_ports {} {-filter} 1 1 {
    need {[lindex $rest 0] in $::state(ports)} "no port '[lindex $rest 0]'"
    return $rest
}
vivado set_max_delay {-datapath_only} {-from -to -through} 1 1 {
    need {[dict exists $given -from]} "-datapath_only needs a start"
}
vivado set_false_path {-setup -hold} {-from -to -through} 0 0 {}

# IP cores.

namespace eval ipx {}
vivado ipx::package_project {-import_files -force -generated_files} \
    {-root_dir -vendor -library -taxonomy -set_current -name -version} 0 0 {
    need {[file isdirectory [dict get $given -root_dir]]} "no folder [dict get $given -root_dir]"
    set top $::state(top)
    foreach {path type} $::state(files) {
        set wanted [expr {[file tail $path] eq "$top.v" ? "Verilog" : "SystemVerilog"}]
        need {$type eq $wanted} "$path is read as $type, $wanted expected"
    }
    set ::state(core) [dict create root [dict get $given -root_dir] ports [ports_of $top] \
        vendor [dict get $given -vendor] library [dict get $given -library] interfaces {} \
        parameters {}]
    foreach {name -} [dict get $::state(core) ports] {
        # What Vivado infers from names.
        if {[regexp {^(\w+)_(?:awaddr|tdata)$} $name - bus] || [regexp {^(aclk|aresetn)$} $name - bus]} {
            dict set ::state(core) interfaces $bus 1
        }
    }
}
vivado ipx::current_core {} {} 0 0 {
    need {$::state(core) ne ""} "no core is open"
    return core
}
vivado ipx::get_bus_interfaces {} {-of_objects -filter} 0 1 {
    set name [lindex $rest 0]
    return [expr {[dict exists $::state(core) interfaces $name] ? $name : {}}]
}
vivado ipx::infer_bus_interface {} {} 3 3 {
    lassign $rest port kind core
    need {[dict exists $::state(core) ports $port]} "no port '$port'"
    need {[regexp {^xilinx\.com:signal:(clock|reset|interrupt)_rtl:1\.0$} $kind]} "no kind '$kind'"
    dict set ::state(core) interfaces $port 1
}
vivado ipx::get_bus_parameters {} {-of_objects} 0 1 {
    set key [dict get $given -of_objects],[lindex $rest 0]
    return [expr {[dict exists $::state(core) parameters $key] ? $key : {}}]
}
vivado ipx::add_bus_parameter {} {} 2 2 {
    dict set ::state(core) parameters [lindex $rest 1],[lindex $rest 0] 1
}
vivado ipx::associate_bus_interfaces {} {-busif -clock -reset} 1 1 {
    dict for {- name} $given {
        need {[dict exists $::state(core) interfaces $name]} "no interface '$name'"
    }
}
foreach name {ipx::create_xgui_files ipx::update_checksums ipx::check_integrity} {
    vivado $name {} {} 1 1 {}
}
vivado ipx::save_core {} {} 1 1 {
    set core $::state(core)
    set name $::property(core,name)
    dict set core vlnv \
        [dict get $core vendor]:[dict get $core library]:$name:$::property(core,version)
    # Not XML: what this recorder wants to find again.
    touch [file join [dict get $core root] component.xml] [encoding convertto utf-8 $core]
}
proc packaged {vlnv} {
    foreach repository $::state(repositories) {
        foreach path [glob -nocomplain -directory $repository -- */component.xml] {
            set file [open $path]
            fconfigure $file -encoding utf-8
            set core [read $file]
            close $file
            if {[dict get $core vlnv] eq $vlnv} {
                return $core
            }
        }
    }
    error "no core '$vlnv' in '$::state(repositories)'"
}

# Block designs.

array set cells {
    xilinx.com:ip:processing_system7:5.5 {
        interfaces {M_AXI_GP0 S_AXI_HP0}
        outputs {FCLK_CLK0 FCLK_RESET0_N}
        inputs {M_AXI_GP0_ACLK S_AXI_HP0_ACLK IRQ_F2P}
    }
    xilinx.com:ip:smartconnect:1.0 {
        interfaces {S00_AXI M00_AXI} outputs {} inputs {aclk aresetn}
    }
    xilinx.com:ip:proc_sys_reset:5.0 {
        interfaces {}
        outputs {interconnect_aresetn peripheral_aresetn peripheral_reset bus_struct_reset mb_reset}
        inputs {slowest_sync_clk ext_reset_in}
    }
}
set loose {}
set wired {}

proc cell_of {vlnv} {
    if {[info exists ::cells($vlnv)]} {
        return $::cells($vlnv)
    }
    set core [packaged $vlnv]
    set found {interfaces {} outputs {} inputs {}}
    foreach name [dict keys [dict get $core interfaces]] {
        if {![dict exists $core ports $name]} {
            dict lappend found interfaces $name
        }
    }
    foreach {name direction} [dict get $core ports] {
        if {![regexp {^[sm]_axi_} $name]} {
            dict lappend found ${direction}s $name
        }
    }
    return $found
}

vivado create_bd_design {} {} 1 1 {need {$::state(project) ne ""} "no project is open"}
vivado create_bd_cell {} {-type -vlnv -reference} 1 1 {
    need {[dict get $given -type] eq "ip"} "only IP is known here"
    set name [lindex $rest 0]
    set ::design($name) [cell_of [dict get $given -vlnv]]
    foreach kind {inputs interfaces} {
        foreach pin [dict get $::design($name) $kind] {
            lappend ::loose $name/$pin
        }
    }
    return $name
}
vivado apply_bd_automation {} {-rule -config} 1 1 {
    need {[dict get $given -rule] eq "xilinx.com:bd_rule:processing_system7"} "no such rule"
    foreach {name -} [dict get $given -config] {
        need {$name in {make_external apply_board_preset Master Slave}} "no setting '$name'"
    }
}
proc pin {name kinds} {
    lassign [split $name /] cell pin
    need {[info exists ::design($cell)]} "no cell '$cell'"
    set known {}
    foreach kind $kinds {
        lappend known {*}[dict get $::design($cell) $kind]
    }
    if {$cell eq "ps" && [info exists ::property(ps,CONFIG.PCW_EN_CLK1_PORT)]} {
        lappend known FCLK_CLK1
    }
    need {$pin in $known} "no pin '$name'"
    return $name
}
vivado get_bd_intf_pins {} {-of_objects} 1 1 {return [pin [lindex $rest 0] interfaces]}
vivado get_bd_pins {} {-of_objects} 1 1 {return [pin [lindex $rest 0] {inputs outputs}]}
proc connect {from to} {
    set at [lsearch -exact $::loose $to]
    need {$at >= 0} "'$to' is connected already, or drives"
    set ::loose [lreplace $::loose $at $at]
}
vivado connect_bd_net {} {-net} 2 2 {connect {*}$rest}
vivado connect_bd_intf_net {} {-intf_net} 2 2 {
    connect {*}$rest
    connect {*}[lreverse $rest]
}
vivado get_bd_addr_segs {} {-of_objects} 0 1 {
    need {[lindex $rest 0] eq "slipstick/s_axi/reg0"} "no segment '[lindex $rest 0]'"
    return $rest
}
vivado assign_bd_address {-force} {-offset -range -target_address_space} 0 1 {}
vivado validate_bd_design {-force} {} 0 0 {
    need {[llength $::loose] == 0} "not connected: $::loose"
}
vivado save_bd_design {} {} 0 1 {set ::state(saved) 1}
vivado make_wrapper {-top -import} {-files} 0 0 {
    set path [file join $::state(project) system.gen sources_1 bd system hdl system_wrapper.v]
    touch $path "module system_wrapper;\nendmodule\n"
    return $path
}
vivado launch_runs {-force} {-to_step -jobs} 1 1 {
    need {$::state(top) eq "system_wrapper"} "the top is '$::state(top)'"
    need {[dict get $given -to_step] eq "write_bitstream"} "to where?"
    foreach path $::state(xdc) {
        uplevel #0 [list source $path]
    }
    touch [file join $::state(project) system.runs impl_1 system_wrapper.bit] [sample_bit]
    touch [file join $::state(project) [setting HWH_IN system.gen] sources_1 bd system hw_handoff system.hwh]
    set ::state(ran) 1
}
vivado wait_on_run {} {-timeout} 1 1 {need {$::state(ran)} "no run was launched"}
vivado get_runs {} {-filter} 1 1 {return [lindex $rest 0]}
vivado open_run {} {-name} 1 1 {set ::state(stage) route_design}
vivado write_hw_platform {-fixed -include_bit -force} {} 1 1 {
    need_routed
    touch [lindex $rest 0]
}

# Called as Vivado.

set given [dict create]
for {set at 0} {$at < $argc} {incr at} {
    switch -- [lindex $argv $at] {
        -mode - -source {
            dict set given [lindex $argv $at] [lindex $argv [incr at]]
        }
        -nojournal - -nolog {}
        default {error "vivado has no option '[lindex $argv $at]'"}
    }
}
need {[dict get $given -mode] eq "batch"} "only batch mode is known here"
if {[catch {source [dict get $given -source]} cause]} {
    puts "ERROR: $cause"
    exit 1
}
