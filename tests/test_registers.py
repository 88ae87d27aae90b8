"""The register map: as Python, as a C header, and as a page of the documents."""

import re
import runpy
import subprocess

import pytest
from systemrdl import RDLCompiler

from slipstick.registers import FieldKind, register_map
from slipstick.registers.map import MAX_STAGES, _kind

STAGES = 256
"""Of the structure in the header."""
READ_ONLY = {FieldKind.CONSTANT, FieldKind.STATUS}
COMPILERS = {
    "gcc": ("gcc", "-std=c11", "-Wconversion"),
    "g++": ("g++", "-std=c++17", "-x", "c++"),
}


@pytest.fixture(scope="module")
def registers():
    return register_map(STAGES)


@pytest.fixture(scope="module")
def maker(root):
    return runpy.run_path(str(root / "docs/make_registers.py"))


@pytest.fixture(scope="module")
def page(root):
    return (root / "docs/registers.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def header(root):
    return (root / "firmware/slipstick_regs.h").read_text(encoding="utf-8")


def test_places_that_drivers_rely_on(registers):
    assert registers["ID"].offset == 0
    assert registers["ID"]["value"].reset == int.from_bytes(b"SLIP")
    assert registers["VERSION"].offset == 4
    assert registers["VERSION"]["major"].mask == 0xFF000000
    assert registers["CONTROL"].offset == 0x40
    assert registers["FRAMES"].offset == 0x60
    assert registers["STATUS"]["failed"].mask == 0b100
    assert registers["STAGE[3].SATURATED"].offset == 0x438


@pytest.mark.parametrize("stages", [1, 6, MAX_STAGES])
def test_registers_have_places_and_names_of_their_own(stages):
    registers = register_map(stages).registers
    offsets = [register.offset for register in registers]
    assert offsets == sorted(set(offsets))
    assert all(offset % 4 == 0 and 0 <= offset < 1 << 16 for offset in offsets)
    assert sum(register.external for register in registers) == 3 * stages
    ports = [register.port(field) for register in registers for field in register.fields]
    assert len(ports) == len(set(ports))
    for register in registers:
        assert register.title
        assert register.text.endswith(".")
        taken = [bit for f in register.fields for bit in range(f.lsb, f.msb + 1)]
        assert len(taken) == len(set(taken))
        assert set(taken) <= set(range(32))
        for field in register.fields:
            assert field.reset < 1 << field.width
            assert field.text.endswith(".")


def test_every_kind_of_field_is_used(registers):
    used = {field.kind for register in registers.registers for field in register.fields}
    assert used == set(FieldKind)


def test_refuses_stages_that_have_no_place():
    for stages in (0, MAX_STAGES + 1, 2.0):
        message = f"Stages must be an integer from 1 to {MAX_STAGES}, not {stages!r}"
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            register_map(stages)


def test_unknown_names_are_errors(registers):
    with pytest.raises(KeyError, match="FRAME"):
        registers["FRAME"]
    with pytest.raises(KeyError, match="idle"):
        registers["STATUS"]["idle"]


def test_a_field_that_the_block_has_not_is_an_error(tmp_path):
    path = tmp_path / "other.rdl"
    path.write_text("addrmap other { reg { field { sw = rw; hw = rw; } both[0:0]; } R @ 0; };")
    compiler = RDLCompiler()
    compiler.compile_file(str(path))
    (field,) = compiler.elaborate().top.get_child_by_name("R").fields()
    with pytest.raises(RuntimeError, match=r"^Field other\.R\.both must be of a kind"):
        _kind(field)


def test_header_is_current(maker, header):
    assert maker["header"]() == header


def test_page_is_current(maker, page):
    assert maker["filled"](page) == page


def macro_of(register):
    """``SLIPSTICK_REG_STAGE_STALLS(7)`` of ``STAGE[7].STALLS``."""
    plain, index = re.subn(r"\[\d+\]", "", register.name)
    place = re.search(r"\[(\d+)\]", register.name)
    return f"SLIPSTICK_REG_{plain.replace('.', '_')}" + (f"({place[1]}u)" if index else "")


def fields_in_c(register):
    """Prefix of each field's macros, which all registers of an array share."""
    prefix = "SLIPSTICK__" + re.sub(r"\[\d+\]", "X", register.name).replace(".", "__")
    return {f"{prefix}__{field.name.upper()}": field for field in register.fields}


def expected_values(registers):
    """C expressions and what they must be."""
    for register in registers.registers:
        yield macro_of(register), register.offset
        yield f"offsetof(slipstick_t, {register.name})", register.offset
        for prefix, field in fields_in_c(register).items():
            yield f"{prefix}_bm", field.mask
            yield f"{prefix}_bp", field.lsb
            yield f"{prefix}_bw", field.width
            if field.kind is not FieldKind.STATUS:
                yield f"{prefix}_reset", field.reset


@pytest.mark.parametrize("compiler", COMPILERS)
def test_header_says_in_c_what_the_map_says(root, registers, compiler, tmp_path):
    values = dict(expected_values(registers))
    lines = "".join(f'    printf("%lu\\n", (unsigned long)({text}));\n' for text in values)
    includes = "#include <stddef.h>\n#include <stdio.h>\n#include <slipstick_regs.h>\n"
    (tmp_path / "show.c").write_text(
        f"{includes}int main(void) {{\n{lines}    return 0;\n}}\n", encoding="utf-8"
    )
    program = tmp_path / "show"
    strict = ("-Wall", "-Wextra", "-Werror", "-pedantic", f"-I{root / 'firmware'}")
    command = [*COMPILERS[compiler], *strict, tmp_path / "show.c", "-o", program]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    shown = subprocess.run([program], capture_output=True, text=True, check=True).stdout
    assert dict(zip(values, map(int, shown.split()), strict=True)) == values


def test_header_has_no_other_registers_or_fields(registers, header):
    offsets = set(re.findall(r"^#define (SLIPSTICK_REG_\w+)", header, re.MULTILINE))
    assert offsets == {macro_of(r).partition("(")[0] for r in registers.registers}
    masks = set(re.findall(r"^#define (SLIPSTICK__\w+)_bm", header, re.MULTILINE))
    assert masks == {prefix for r in registers.registers for prefix in fields_in_c(r)}


def unnumbered(register):
    """``HASH[n]`` of ``HASH[2]``."""
    return re.sub(r"\[\d+\]", "[n]", register.name)


def test_page_says_where_registers_are(registers, page):
    row = re.compile(r"^\| `(0x\w+)`(?: \+ (\d+) × n)? \| \[`([^`]+)`\]", re.MULTILINE)
    places = {name: (int(at, 16), int(step or 0)) for at, step, name in row.findall(page)}
    assert set(places) == {unnumbered(register) for register in registers.registers}
    for register in registers.registers:
        first, step = places[unnumbered(register)]
        (index,) = re.findall(r"\[(\d+)\]", register.name) or ["0"]
        assert register.offset == first + int(index) * step


def test_page_says_what_fields_are(registers, page):
    section = re.compile(r"^## (\S+)\n(.*?)(?=^#|\Z)", re.MULTILINE | re.DOTALL)
    row = re.compile(r"^\| (\d+)(?::(\d+))? \| `(\w+)` \| (.*?) \| `?(.*?)`? \| (.*) \|$", re.M)
    sections = {title: row.findall(text) for title, text in section.findall(page)}
    assert set(sections) == {unnumbered(register) for register in registers.registers}
    for register in registers.registers:
        for shown, field in zip(sections[unnumbered(register)], register.fields, strict=True):
            high, low, name, access, reset, text = shown
            assert (name, text) == (field.name, field.text)
            assert (int(high), int(low or high)) == (field.msb, field.lsb)
            assert ("write" in access) == (field.kind not in READ_ONLY)
            assert reset == ("-" if field.kind is FieldKind.STATUS else f"{field.reset:#x}")
