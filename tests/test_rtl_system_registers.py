"""The register block on its bus."""

import random
from dataclasses import replace
from itertools import product

import pytest
from amaranth.back import rtlil
from lite_bus import read, simulate, until, write
from streams import refuses

from slipstick.registers import FieldKind, RegisterMap, register_map
from slipstick.rtl_templates.system.axi import OKAY, SLVERR
from slipstick.rtl_templates.system.register_block import RegisterBlock

STAGES = 3
MAP = register_map(STAGES)
OWN = [register for register in MAP.registers if not register.external]
MAPPED = {register.offset for register in MAP.registers}
KINDS = {register.name: {field.kind for field in register.fields} for register in OWN}
WRITABLE = {FieldKind.SETTING, FieldKind.COMMAND, FieldKind.FLAG}
SETTINGS = [register for register in OWN if KINDS[register.name] == {FieldKind.SETTING}]
FLAGS = [register for register in OWN if KINDS[register.name] == {FieldKind.FLAG}]
ALL = 0xFFFFFFFF


def fields_of(register, *kinds):
    return [(register.port(field), field) for field in register.fields if field.kind in kinds]


def reset_value(register):
    return sum(field.reset << field.lsb for field in register.fields)


def mask(register):
    return sum(field.mask for field in register.fields)


def run(*benches):
    """Simulates one block with benches that take the context, the block and the reset."""
    block = RegisterBlock(MAP)

    def bound(bench):
        return lambda ctx, reset: bench(ctx, block, reset)

    simulate(block, *map(bound, benches))


async def set_flags(ctx, block, flags):
    """For one cycle, what sets ``flags``, as `fields_of` gives them."""
    for level in (1, 0):
        for port, _field in flags:
            ctx.set(getattr(block, f"{port}_set"), level)
        if level:
            await ctx.tick()


def test_registers_read_as_reset():
    async def bench(ctx, block, _):
        for register in OWN:
            assert await read(ctx, block.bus, register.offset) == (reset_value(register), OKAY)

    assert reset_value(MAP["ID"]) == 0x534C4950
    run(bench)


def test_status_is_what_the_core_shows():
    draw = random.Random(0)

    async def bench(ctx, block, _):
        for _ in range(3):
            shown = {}
            for register in OWN:
                for port, field in fields_of(register, FieldKind.STATUS):
                    value = draw.getrandbits(field.width)
                    ctx.set(getattr(block, port), value)
                    shown[register.name] = shown.get(register.name, 0) | value << field.lsb
            for name, value in shown.items():
                assert await read(ctx, block.bus, MAP[name].offset) == (value, OKAY)

    run(bench)


def test_settings_keep_what_is_written():
    draw = random.Random(1)

    async def bench(ctx, block, _):
        for values in ([ALL] * len(SETTINGS), [draw.getrandbits(32) for _ in SETTINGS]):
            for register, value in zip(SETTINGS, values, strict=True):
                assert await write(ctx, block.bus, register.offset, value) == OKAY
            for register, value in zip(SETTINGS, values, strict=True):
                expected = value & mask(register)
                assert await read(ctx, block.bus, register.offset) == (expected, OKAY)
                for port, field in fields_of(register, FieldKind.SETTING):
                    assert ctx.get(getattr(block, port)) == (value & field.mask) >> field.lsb

    run(bench)


def test_only_strobed_bytes_are_written():
    errors = MAP["ERRORS"]

    async def bench(ctx, block, _):
        for strobes in range(16):
            written = [byte for byte in range(4) if strobes >> byte & 1]
            for register in (MAP["SOURCE"], MAP["SATURATION_LIMIT"]):
                await write(ctx, block.bus, register.offset, 0x11223344)
                assert await write(ctx, block.bus, register.offset, 0xAABBCCDD, strobes) == OKAY
                old, new = bytes.fromhex("44332211"), bytes.fromhex("ddccbbaa")
                expected = bytes(new[b] if b in written else old[b] for b in range(4))
                data, _ = await read(ctx, block.bus, register.offset)
                assert data.to_bytes(4, "little") == expected
            await set_flags(ctx, block, fields_of(errors, FieldKind.FLAG))
            await write(ctx, block.bus, errors.offset, ALL, strobes)
            for port, field in fields_of(errors, FieldKind.FLAG):
                assert ctx.get(getattr(block, port)) == (field.lsb // 8 not in written)

    run(bench)


def test_commands_last_one_cycle():
    control = MAP["CONTROL"]
    seen = []

    async def bench(ctx, block, _):
        for value in range(8):
            seen.append([])
            assert await write(ctx, block.bus, control.offset, value) == OKAY
            assert await read(ctx, block.bus, control.offset) == (0, OKAY)
        seen.append([])
        assert await write(ctx, block.bus, control.offset, ALL, 0b1110) == OKAY
        await ctx.tick().repeat(4)
        seen.append(None)

    async def watch(ctx, block, _):
        while not seen or seen[-1] is not None:
            ports = (block.control_start, block.control_soft_reset, block.control_abandon)
            value = sum(ctx.get(port) << bit for bit, port in enumerate(ports))
            if value:
                seen[-1].append(value)
            await ctx.tick()

    run(bench, watch)
    assert seen == [[], *([value] for value in range(1, 8)), [], None]


def test_commands_read_as_0_even_while_they_are_given():
    offset, draw = MAP["CONTROL"].offset, random.Random(6)

    async def reads(ctx, block, _):
        for _ in range(40):
            hold = draw.randrange(3)
            assert await read(ctx, block.bus, offset, hold=hold) == (0, OKAY)

    async def writes(ctx, block, _):
        for _ in range(40):
            hold = draw.randrange(3)
            assert await write(ctx, block.bus, offset, ALL, hold=hold) == OKAY

    run(reads, writes)


@pytest.mark.parametrize("register", FLAGS, ids=lambda register: register.name)
def test_flags_are_set_and_cleared_one_by_one(register):
    async def bench(ctx, block, _):
        for flag in fields_of(register, FieldKind.FLAG):
            assert not ctx.get(getattr(block, flag[0]))
            await set_flags(ctx, block, [flag])
            assert ctx.get(getattr(block, flag[0]))
        left = mask(register)
        for port, field in fields_of(register, FieldKind.FLAG):
            assert await read(ctx, block.bus, register.offset) == (left, OKAY)
            assert await write(ctx, block.bus, register.offset, field.mask) == OKAY
            left &= ~field.mask
            assert not ctx.get(getattr(block, port))
        assert await read(ctx, block.bus, register.offset) == (0, OKAY)

    run(bench)


def test_a_set_wins_over_a_write_that_clears():
    clears_in = 1
    """Cycles after address and data were taken."""

    async def bench(ctx, block, _):
        flag, sets, bus = block.irq_status_done, block.irq_status_done_set, block.bus
        for when in range(5):
            ctx.set(bus.awaddr, MAP["IRQ_STATUS"].offset)
            ctx.set(bus.wdata, 1)
            ctx.set(bus.wstrb, 1)
            ctx.set(bus.bready, 1)
            for cycle in range(8):
                ctx.set(bus.awvalid, cycle == 0)
                ctx.set(bus.wvalid, cycle == 0)
                ctx.set(sets, cycle == when)
                await ctx.tick()
            assert ctx.get(flag) == (when >= clears_in)
            ctx.set(block.clear_flags, 1)
            await ctx.tick()
            ctx.set(block.clear_flags, 0)

    run(bench)


def test_clear_flags_clears_all_but_those_that_are_set():
    async def bench(ctx, block, _):
        ports = [port for register in FLAGS for port, _ in fields_of(register, FieldKind.FLAG)]
        for port in ports:
            ctx.set(getattr(block, f"{port}_set"), 1)
        await ctx.tick()
        for port in ports[1:]:
            ctx.set(getattr(block, f"{port}_set"), 0)
        ctx.set(block.clear_flags, 1)
        await ctx.tick()
        assert [ctx.get(getattr(block, port)) for port in ports] == [1, *[0] * (len(ports) - 1)]
        for register in SETTINGS:
            assert await read(ctx, block.bus, register.offset) == (reset_value(register), OKAY)

    run(bench)


def test_address_and_data_come_in_any_order():
    async def bench(ctx, block, _):
        offset = MAP["FRAMES"].offset
        for value, (lead, hold) in enumerate(product(range(-4, 5), (0, 1, 3))):
            assert await write(ctx, block.bus, offset, value, lead=lead, hold=hold) == OKAY
            assert await read(ctx, block.bus, offset, hold=hold) == (value, OKAY)

    run(bench)


def test_a_write_waits_until_the_answer_before_it_was_taken():
    async def send(ctx, bus, offset, data):
        ctx.set(bus.awaddr, offset)
        ctx.set(bus.wdata, data)
        ctx.set(bus.wstrb, 0b1111)
        for level in (1, 0):
            ctx.set(bus.awvalid, level)
            ctx.set(bus.wvalid, level)
            if level:
                assert ctx.get(bus.awready)
                assert ctx.get(bus.wready)
                await ctx.tick()

    async def bench(ctx, block, _):
        bus = block.bus
        await send(ctx, bus, MAP["ID"].offset, 4)
        await until(ctx, bus.bvalid)
        await send(ctx, bus, MAP["FRAMES"].offset, 5)
        for _ in range(4):
            assert (ctx.get(bus.bvalid), ctx.get(bus.bresp)) == (1, SLVERR)
            assert ctx.get(block.frames) == 0
            await ctx.tick()
        ctx.set(bus.bready, 1)
        await ctx.tick()
        ctx.set(bus.bready, 0)
        assert not ctx.get(bus.bvalid)
        await until(ctx, bus.bvalid)
        assert (ctx.get(bus.bresp), ctx.get(block.frames)) == (OKAY, 5)

    run(bench)


def test_latencies():
    async def bench(ctx, block, _):
        bus = block.bus
        assert ctx.get(bus.arready)
        assert ctx.get(bus.awready)
        assert ctx.get(bus.wready)
        ctx.set(bus.arvalid, 1)
        ctx.set(bus.awvalid, 1)
        await ctx.tick()
        ctx.set(bus.arvalid, 0)
        ctx.set(bus.awvalid, 0)
        assert await until(ctx, bus.rvalid) == 1
        ctx.set(bus.wvalid, 1)
        await ctx.tick()
        ctx.set(bus.wvalid, 0)
        assert await until(ctx, bus.bvalid) == 1

    run(bench)


def sampled_addresses():
    draw = random.Random(2)
    near = {offset + step for offset in MAPPED for step in range(5)}
    high_bits = {offset ^ 1 << bit for offset in (0x60, 0x400) for bit in range(16)}
    return sorted(near | high_bits | {draw.randrange(1 << 16) for _ in range(100)})


def readable(register):
    if register.external:
        return 0x500 + (register.offset - MAP["STAGE[0].BEATS"].offset) // 4
    return reset_value(register)


def check_addresses(addresses):
    by_offset = {register.offset: register for register in MAP.registers}

    async def bench(ctx, block, _):
        ctx.set(block.stage_acknowledge, 1)
        for address in addresses:
            register = by_offset.get(address)
            if register is not None and register.external:
                ctx.set(block.stage_data, readable(register))
            expected = (0, SLVERR) if register is None else (readable(register), OKAY)
            assert await read(ctx, block.bus, address) == expected, hex(address)

    run(bench)


def test_every_address_is_a_register_or_an_error():
    check_addresses(sampled_addresses())


@pytest.mark.slow
def test_all_words_are_a_register_or_an_error():
    check_addresses(range(0, 1 << 16, 4))


def test_refused_writes_change_nothing():
    writable = {r.offset for r in OWN if KINDS[r.name] & WRITABLE}

    async def bench(ctx, block, _):
        ports = [port for r in OWN for port, _field in fields_of(r, *WRITABLE)]
        await set_flags(ctx, block, [f for r in FLAGS for f in fields_of(r, FieldKind.FLAG)])
        before = {port: ctx.get(getattr(block, port)) for port in ports}
        assert 1 in before.values()
        for address in sampled_addresses():
            if address in writable:
                continue
            assert await write(ctx, block.bus, address, ALL) == SLVERR, hex(address)
            assert {port: ctx.get(getattr(block, port)) for port in ports} == before, hex(address)

    run(bench)


def test_stage_reads_wait_for_their_answer():
    draw = random.Random(3)
    base = MAP["STAGE[0].BEATS"].offset

    async def bench(ctx, block, _):
        for word in [*range(4 * STAGES)] * 3:
            if word % 4 == 3:
                assert await read(ctx, block.bus, base + 4 * word) == (0, SLVERR)
                continue
            value = draw.getrandbits(32)
            ctx.set(block.stage_data, value ^ ALL)
            ctx.set(block.bus.araddr, base + 4 * word)
            ctx.set(block.bus.arvalid, 1)
            await ctx.tick()
            ctx.set(block.bus.arvalid, 0)
            for _ in range(draw.randrange(6)):
                assert ctx.get(block.stage_request)
                assert ctx.get(block.stage_index) == word
                assert not ctx.get(block.bus.rvalid)
                await ctx.tick()
            # The other direction is not held up.
            if word == 5:
                assert await write(ctx, block.bus, MAP["SOURCE"].offset, word) == OKAY
                assert ctx.get(block.source) == word
            ctx.set(block.stage_acknowledge, 1)
            ctx.set(block.stage_data, value)
            await ctx.tick()
            ctx.set(block.stage_acknowledge, 0)
            ctx.set(block.stage_data, value ^ ALL)
            assert not ctx.get(block.stage_request)
            assert ctx.get(block.bus.rvalid)
            assert (ctx.get(block.bus.rdata), ctx.get(block.bus.rresp)) == (value, OKAY)
            ctx.set(block.bus.rready, 1)
            await ctx.tick()
            ctx.set(block.bus.rready, 0)

    run(bench)


def test_stage_read_that_nobody_answers_is_given_up():
    async def bench(ctx, block, _):
        for _ in range(2):
            ctx.set(block.bus.araddr, MAP["STAGE[1].STALLS"].offset)
            ctx.set(block.bus.arvalid, 1)
            await ctx.tick()
            ctx.set(block.bus.arvalid, 0)
            for _ in range(block.patience):
                assert ctx.get(block.stage_request)
                assert not ctx.get(block.bus.rvalid)
                await ctx.tick()
            assert not ctx.get(block.stage_request)
            assert ctx.get(block.bus.rvalid)
            assert (ctx.get(block.bus.rdata), ctx.get(block.bus.rresp)) == (0, SLVERR)
            ctx.set(block.bus.rready, 1)
            await ctx.tick()
            ctx.set(block.bus.rready, 0)

    run(bench)


def test_reads_and_writes_at_the_same_time():
    draw = {"reads": random.Random(4), "writes": random.Random(5)}
    kept = {register.name: reset_value(register) for register in SETTINGS}
    unsure = set()
    counts = {"reads": 0, "writes": 0}

    async def reads(ctx, block, _):
        for _ in range(100):
            register = draw["reads"].choice(SETTINGS)
            possible = {kept[register.name]}
            before = set(unsure)
            data, response = await read(
                ctx, block.bus, register.offset, hold=draw["reads"].randrange(3)
            )
            possible |= {kept[register.name]} | {
                v for n, v in before | unsure if n == register.name
            }
            assert response == OKAY
            assert data in possible
            counts["reads"] += 1

    async def writes(ctx, block, _):
        for _ in range(100):
            register, value = draw["writes"].choice(SETTINGS), draw["writes"].getrandbits(32)
            entry = (register.name, value & mask(register))
            unsure.add(entry)
            lead, hold = draw["writes"].randrange(-2, 3), draw["writes"].randrange(3)
            assert await write(ctx, block.bus, register.offset, value, lead=lead, hold=hold) == OKAY
            kept[register.name] = entry[1]
            unsure.discard(entry)
            counts["writes"] += 1

    run(reads, writes)
    assert counts == {"reads": 100, "writes": 100}


def test_reset_forgets_everything():
    async def bench(ctx, block, reset):
        for cycles in range(1, 5):
            await reset_in_the_middle(ctx, block, reset, cycles)

    async def reset_in_the_middle(ctx, block, reset, cycles):
        bus = block.bus
        for register in SETTINGS:
            await write(ctx, bus, register.offset, 0x5A5A5A5A)
        await set_flags(ctx, block, fields_of(MAP["ERRORS"], FieldKind.FLAG))
        # A write without its data and a read are under way.
        ctx.set(bus.awaddr, MAP["FRAMES"].offset)
        ctx.set(bus.awvalid, 1)
        ctx.set(bus.arvalid, 1)
        await ctx.tick()
        ctx.set(bus.awvalid, 0)
        ctx.set(bus.arvalid, 0)
        await ctx.tick().repeat(cycles)
        ctx.set(reset, 1)
        await ctx.tick()
        ctx.set(reset, 0)
        assert not ctx.get(bus.rvalid)
        assert not ctx.get(bus.bvalid)
        for register in OWN:
            assert await read(ctx, bus, register.offset) == (reset_value(register), OKAY)
        assert await write(ctx, bus, MAP["SOURCE"].offset, 7) == OKAY
        assert ctx.get(block.source) == 7
        assert ctx.get(block.frames) == 0

    run(bench)


@pytest.mark.parametrize("stages", [1, 52, 4032])
def test_register_block_converts(stages):
    assert "top" in rtlil.convert(RegisterBlock(register_map(stages)), name="top")


def test_register_block_refuses_other_external_registers():
    message = "External registers must be the first three words of every four"
    moved = replace(MAP["STAGE[1].STALLS"], offset=0x41C)
    others = [moved if r.name == "STAGE[1].STALLS" else r for r in MAP.registers]
    for registers in (OWN, MAP.registers[:-1], others):
        with refuses(message):
            RegisterBlock(RegisterMap(tuple(registers)))
