"""Frames into a network in Amaranth's simulator."""


async def feed(ctx, network, frames, pauses=lambda: False):
    """Sends the beats of ``frames`` as they are taken; before each, waits while ``pauses()``."""
    for frame in frames:
        for number, beat in enumerate(frame):
            while pauses():
                ctx.set(network.i_valid, 0)
                await ctx.tick()
            ctx.set(network.i_valid, 1)
            ctx.set(network.i_data, beat)
            ctx.set(network.i_last, number == len(frame) - 1)
            taken = False
            while not taken:
                taken = ctx.get(network.i_ready)
                await ctx.tick()
    ctx.set(network.i_valid, 0)
