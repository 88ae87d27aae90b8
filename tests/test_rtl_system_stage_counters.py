"""The counters of stages against a plain model."""

import random

import pytest
from amaranth.back import rtlil
from lite_bus import simulate
from streams import refuses

from slipstick.rtl_templates.system import stage_counters
from slipstick.rtl_templates.system.stage_counters import TAPS, StageCounters, _numbers


class Model:
    """Counts ``[stage][word]``, as they are before a cycle."""

    def __init__(self, stages, top=0xFFFFFFFF):
        self.stages, self.top = stages, top
        self.clear()

    def clear(self):
        self.counts = [[0] * 4 for _ in range(self.stages)]
        self.total = 0

    def step(self, valid, ready, saturated):
        for stage, words in enumerate(self.counts):
            v, r, s = (vector >> stage & 1 for vector in (valid, ready, saturated))
            for word, event in enumerate((v & r, v & ~r, s)):
                words[word] = min(words[word] + event, self.top)
        self.total = min(self.total + saturated.bit_count(), self.top)


class Bench:
    """Drives counters and model alike, cycle by cycle, and checks each answer.

    Attributes
    ----------
    answers : how many there were.
    seen : what the word asked for was in each cycle since.
    """

    def __init__(self, ctx, counters, model, seed=0):
        self.ctx, self.counters, self.model = ctx, counters, model
        self.draw = random.Random(seed)
        self.answers, self.seen, self.word = 0, [], None

    async def cycle(self, events=(0, 0, 0), clear=False, ask=None):
        """One cycle; ``ask`` is the word of a new request, unless one is waiting."""
        ctx, counters = self.ctx, self.counters
        for name, vector in zip(("valid", "ready", "saturated"), events, strict=True):
            ctx.set(getattr(counters, name), vector)
        ctx.set(counters.clear, clear)
        if self.word is None and ask is not None:
            self.word, self.seen = ask, []
        ctx.set(counters.request, self.word is not None)
        if self.word is not None:
            ctx.set(counters.index, self.word)
            self.seen.append(self.model.counts[self.word // 4][self.word % 4])
        if ctx.get(counters.acknowledge):
            self.answer(ctx.get(counters.data))
        await ctx.tick()
        self.model.clear() if clear else self.model.step(*events)

    def answer(self, data):
        """It is what the word was when the sweep had passed it, 3 cycles ago."""
        assert self.word is not None, "answered without a request"
        assert len(self.seen) > 4
        assert data == self.seen[-4]
        self.word, self.answers = None, self.answers + 1

    async def read_words(self):
        """The words while nothing happens; not all of them where there are many."""
        words = range(4 * self.model.stages)
        for word in self.draw.sample(words, min(len(words), 24)):
            await self.cycle(ask=word)
            for _ in range(2 * self.counters.lag):
                if self.word is None:
                    break
                await self.cycle()
            assert self.word is None, "not answered in two rounds"

    def events(self, cycle):
        """Phases of random traffic, of everything at once, of waiting, of nothing."""
        stages = self.model.stages
        phase = cycle // (8 * stages) % 5
        if phase < 2:
            return tuple(self.draw.getrandbits(stages) for _ in range(3))
        some = (1 << stages) - 1
        return ((some, some, some), (some, 0, 0), (0, 0, 0))[phase - 2]


def run(stages, bench, top=0xFFFFFFFF, seed=0):
    """Simulates ``bench``, which is called with a `Bench` and the reset."""
    counters = StageCounters(stages)

    async def whole(ctx, reset):
        await bench(Bench(ctx, counters, Model(stages, top), seed), reset)

    simulate(counters, whole)


@pytest.mark.parametrize(("stages", "cycles"), [(1, 3000), (2, 3000), (6, 3000), (52, 2500)])
@pytest.mark.parametrize("rarely", [10, 700])
def test_counts_are_exact_at_any_time(stages, cycles, rarely):
    async def bench(b, _):
        for cycle in range(cycles):
            clear = b.draw.randrange(rarely * stages) == 0
            ask = b.draw.randrange(4 * stages) if b.draw.randrange(3) == 0 else None
            await b.cycle(b.events(cycle), clear, ask)
        for _ in range(3 * b.counters.lag):
            await b.cycle()
        answers.append(b.answers)
        assert b.ctx.get(b.counters.total_saturated) == b.model.total
        await b.read_words()

    answers = []
    run(stages, bench, seed=stages)
    assert answers[0] > 3


def test_a_request_is_answered_in_two_rounds_and_once():
    async def bench(b, _):
        longest = 0
        for _ in range(400):
            await b.cycle(ask=b.draw.randrange(12))
            longest = max(longest, len(b.seen))
        assert b.answers > 20
        assert longest <= 2 * 12
        # A second answer to the last request would be one without a request.
        for _ in range(5 * 12):
            await b.cycle()
        assert b.word is None

    run(3, bench)


@pytest.mark.parametrize("stages", [1, 6])
def test_total_is_late_by_lag_at_most(stages):
    late = set()

    async def bench(b, _):
        for start in range(4 * stages + 1):
            await b.cycle((0, 0, 1))
            cycles = 1
            while b.ctx.get(b.counters.total_saturated) != b.model.total:
                await b.cycle()
                cycles += 1
            late.add(cycles)
            # What is seen is seen in one place of the sweep: the next beat comes in another.
            for _ in range(4 * stages + start):
                await b.cycle()
        assert max(late) == b.counters.lag
        assert len(late) == 4 * stages

    run(stages, bench)


def test_clear_in_any_cycle_forgets_what_was_before_and_nothing_after():
    stages = 2

    async def bench(b, _):
        for wait in range(60):
            for cycle in range(wait):
                await b.cycle((3, cycle % 4, 3), ask=2)
            await b.cycle((3, 1, 3), clear=True, ask=2)
            await b.cycle((3, 1, 2), ask=2)
            for _ in range(40):
                await b.cycle()
            assert b.ctx.get(b.counters.total_saturated) == b.model.total == 1
            await b.read_words()

    run(stages, bench)


def test_reset_clears():
    async def bench(b, reset):
        for _ in range(100):
            await b.cycle((3, 1, 3), ask=1)
        b.ctx.set(reset, 1)
        await b.ctx.tick()
        b.ctx.set(reset, 0)
        b.model.clear()
        b.word = None
        await b.read_words()
        assert b.ctx.get(b.counters.total_saturated) == 0

    run(2, bench)


def test_counters_stop_at_all_ones(monkeypatch):
    monkeypatch.setattr(stage_counters, "WIDTH", 7)

    async def bench(b, _):
        for _ in range(300):
            await b.cycle((3, 1, 1), ask=0)
        for _ in range(2 * b.counters.lag):
            await b.cycle()
        assert b.model.counts == [[127, 0, 127, 0], [0, 127, 0, 0]]
        await b.read_words()
        assert b.ctx.get(b.counters.total_saturated) == 127

    run(2, bench, top=127)


@pytest.mark.parametrize("bits", TAPS)
def test_prescalers_pass_every_state_but_one(bits):
    numbers = _numbers(bits)
    assert sorted(numbers[:-1]) == list(range((1 << bits) - 1))
    assert numbers[0] == 0


@pytest.mark.parametrize("stages", [1, 6, 52])
def test_stage_counters_convert(stages):
    assert "top" in rtlil.convert(StageCounters(stages), name="top")


def test_stage_counters_refuse():
    for stages in (0, 4096, "6"):
        with refuses(f"Stages must be an integer from 1 to 4095, not {stages!r}"):
            StageCounters(stages)
