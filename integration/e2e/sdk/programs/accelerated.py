# SPDX-License-Identifier: Apache-2.0
"""Tasks for accelerators, on a machine that is taken for one with two A100:
each has its own while it runs, whatever way the SDK has of asking for it."""

import asyncio
import time

import flyte

from common import check, children, connect, done, has, same, tell

small = dict(cpu="100m", memory="250Mi")
env = flyte.TaskEnvironment(name="accelerated", resources=flyte.Resources(**small))
two = flyte.TaskEnvironment(name="two", resources=flyte.Resources(**small, gpu="A100:2"))
env.add_dependency(two)


@two.task
async def both() -> str:
    began = time.time()
    await asyncio.sleep(1)
    return f"{began} {time.time()}"


@env.task
async def work() -> str:
    return "done"


async def outcome(call):
    try:
        return f"returned {await call!r}"
    except Exception as e:
        return f"{type(e).__name__} {getattr(e, 'code', '')}: {e}"


@env.task
async def main() -> tuple[list[str], list[str]]:
    with_ = lambda gpu: work.override(resources=flyte.Resources(**small, gpu=gpu))  # noqa: E731
    spans = await asyncio.gather(*(both() for _ in range(3)))
    return list(spans), [
        await outcome(with_(1)()),
        await outcome(with_("A100:1")()),
        await outcome(with_(flyte.GPU("A100", 2))()),
        await outcome(with_(3)()),
        await outcome(with_("H100:1")()),
        await outcome(with_(flyte.GPU("A100", 1, "1g.5gb"))()),
    ]


if __name__ == "__main__":
    connect()
    with check("main"):
        run = done(flyte.run(main))
        spans, results = run.outputs()[0], run.outputs()[1]
        ended = children(run)
        tell(run=run.name, first=ended[0].name)
    with check("one after another"):
        spans = sorted([float(at) for at in span.split()] for span in spans)
        assert all(a[1] <= b[0] for a, b in zip(spans, spans[1:])), spans
    for name, got in zip(("a number", "a type", "an object"), results):
        with check(name):
            same(got, "returned 'done'")
    for name, got, words in zip(
        ("too many", "another type", "a partition"),
        results[3:],
        (["request needs 3 NVIDIA GPUs but this machine has 2"], ['no GPU of type "H100"', "have: 2×A100"], ["no MIG device 1g.5gb on this machine"]),
    ):
        with check(name):
            has(got, "AcceleratorNotAvailable", *words)
