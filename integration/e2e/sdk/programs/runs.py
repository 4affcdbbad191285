# SPDX-License-Identifier: Apache-2.0
"""Runs beside each other, and runs that start runs."""

import flyte
import flyte.remote

from common import check, conductor, connect, done, same, tell, visit

env = flyte.TaskEnvironment(name="runs", resources=flyte.Resources(cpu=1, memory="300Mi"))


@env.task
async def meet(url: str, name: str) -> str:
    visit(url, name)
    return name


@env.task
async def quick(x: int) -> int:
    return x * 3


@env.task
async def starter() -> list[str]:
    run = await flyte.run.aio(quick, x=5)
    await run.wait.aio(quiet=True)
    outputs = await run.outputs.aio()
    return [run.name, str(outputs[0])]


if __name__ == "__main__":
    connect()
    with check("two at a time"):
        # Each waits for the other (the test lets them go when both are there).
        one, two = (flyte.run(meet, url=conductor(), name=n) for n in ("left", "right"))
        same((done(one).outputs()[0], done(two).outputs()[0]), ("left", "right"))
        assert one.name != two.name
    with check("a run in a run"):
        run = done(flyte.run(starter))
        name, result = run.outputs()[0]
        same(result, "15")
        assert name != run.name
        inner = flyte.remote.Run.get(name)
        same(inner.phase.value, "succeeded")
        tell(outer=run.name, inner=name)
