# SPDX-License-Identifier: Apache-2.0
"""Three levels of tasks; the leaves fail once and are tried again."""

import asyncio
import os

import flyte

from common import action, check, children, connect, done, same

env = flyte.TaskEnvironment(name="nested", resources=flyte.Resources(cpu=1, memory="250Mi"))


@env.task(retries=1)
async def leaf(x: int) -> int:
    if os.environ["FLYTE_ATTEMPT_NUMBER"] == "0":
        raise RuntimeError("not at the first try")
    return x + 1


@env.task
async def branch(x: int) -> int:
    return await leaf(x) * 10


@env.task
async def trunk() -> list[int]:
    return list(await asyncio.gather(branch(1), branch(2)))


if __name__ == "__main__":
    connect()
    with check("levels"):
        run = done(flyte.run(trunk))
        same(run.outputs()[0], [20, 30])
    with check("retries"):
        for b in children(run):
            same(b.attempts, 1)
            (leaf_,) = children(run, b.name)
            same((leaf_.attempts, leaf_.phase.value), (2, "succeeded"))
            phases = [t.phase.value for t in leaf_.get_phase_transitions(attempt=1)]
            assert "running" in phases, phases
            same(leaf_.pb2.attempts[0].error_info.code, "RuntimeError")
