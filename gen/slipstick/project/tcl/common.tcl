# What the scripts beside it share. No path is written down: all are found from where this lies.

set here [file dirname [file normalize [info script]]]
source [file join $here settings.tcl]
set output [file join $here output]
file mkdir $output

# The places of files that are named from this folder.
proc placed {names} {
    global here
    set paths {}
    foreach name $names {
        lappend paths [file join $here {*}[file split $name]]
    }
    return $paths
}

# Slack in ns of the worst path; kind is setup or hold.
proc worst_slack {kind} {
    set paths [get_timing_paths -$kind -max_paths 1 -nworst 1]
    if {[llength $paths] == 0} {
        error "no path has a $kind time: the clocks are not constrained"
    }
    return [get_property SLACK [lindex $paths 0]]
}

proc count_cells {names} {
    return [llength [get_cells -quiet -hierarchical -filter "IS_PRIMITIVE && REF_NAME =~ $names"]]
}

proc write_reports {} {
    global output
    report_timing_summary -file [file join $output timing.rpt]
    report_utilization -file [file join $output utilisation.rpt]
    report_utilization -hierarchical -file [file join $output utilisation_by_module.rpt]
    report_power -file [file join $output power.rpt]
    report_drc -file [file join $output drc.rpt]
}

# Writes result.json and says what is wrong with the routed design, as a list.
proc judge {} {
    global output
    set found [dict create wns [worst_slack setup] whs [worst_slack hold] \
        dsp [count_cells DSP48*] latches [count_cells LD?E]]
    set lines {}
    dict for {name value} $found {
        lappend lines "\"$name\": $value"
    }
    set file [open [file join $output result.json] w]
    puts $file "{[join $lines {, }]}"
    close $file
    set faults {}
    foreach name {wns whs} {
        if {[dict get $found $name] < 0} {
            lappend faults "timing is not met: $name is [dict get $found $name] ns"
        }
    }
    foreach name {dsp latches} {
        if {[dict get $found $name] > 0} {
            lappend faults "the design has [dict get $found $name] $name, and must have none"
        }
    }
    return $faults
}

proc stop_if {faults} {
    if {[llength $faults] > 0} {
        foreach fault $faults {
            puts "ERROR: $fault"
        }
        exit 1
    }
}

proc read_bytes {path} {
    set file [open $path rb]
    set bytes [read $file]
    close $file
    return $bytes
}

# From a .bit to what Linux's FPGA manager takes of a Zynq-7000: without the header, and with the
# bytes of each word of 32 bits reversed.
proc write_bin {bit bin} {
    set bytes [read_bytes $bit]
    # A field of 9 bytes and a 1; then, each with its letter and its size: design, part, date,
    # time in 2 bytes, and the data in 4.
    binary scan $bytes S start
    set at [expr {2 + $start + 2}]
    foreach letter {a b c d} {
        binary scan $bytes "x${at}aSu" found size
        if {$found ne $letter} {
            error "$bit is no bit file: '$letter' expected, '$found' found"
        }
        incr at [expr {3 + $size}]
    }
    binary scan $bytes "x${at}aIu" found size
    if {$found ne "e" || $at + 5 + $size != [string length $bytes] || $size % 4 != 0} {
        error "$bit is no bit file: its data are not $size bytes at its end"
    }
    binary scan $bytes "x[expr {$at + 5}]Iu*" words
    set file [open $bin wb]
    puts -nonewline $file [binary format i* $words]
    close $file
}
