# SPDX-License-Identifier: Apache-2.0
"""Ends that are neither success nor the program's own failure: three timeouts,
a failure that is not to be repeated, and a cancelled call."""

import asyncio
from datetime import timedelta

import flyte
import flyte.errors

from common import check, children, conductor, connect, done, has, same, visit

env = flyte.TaskEnvironment(name="ends", resources=flyte.Resources(cpu=1, memory="250Mi"))
wide = flyte.TaskEnvironment(name="wide", resources=flyte.Resources(cpu=2, memory="250Mi"))
env.add_dependency(wide)


@env.task(timeout=timedelta(seconds=2))
async def overlong() -> str:
    await asyncio.sleep(600)
    return "never"


@env.task(retries=3)
async def hopeless() -> str:
    raise flyte.errors.NonRecoverableError("no use")


@env.task
async def idle() -> str:
    await asyncio.sleep(600)
    return "never"


@wide.task
async def hold(url: str) -> str:
    visit(url, "hold")
    return "held"


@wide.task(timeout=flyte.Timeout(max_queued_time=timedelta(seconds=1)))
async def starved() -> str:
    return "never"


@env.task(retries=5, timeout=flyte.Timeout(deadline=timedelta(seconds=3)))
async def dead() -> str:
    await asyncio.sleep(600)
    return "never"


def told(e):
    return f"{type(e).__name__} {e.code}: {e}"


async def outcome(call):
    try:
        return await call
    except Exception as e:
        return told(e)


@env.task
async def main() -> list[str]:
    results = [await outcome(overlong()), await outcome(hopeless()), await outcome(dead())]
    try:
        await asyncio.wait_for(idle(), timeout=3)
    except asyncio.TimeoutError:
        results.append("gave up")
    return results


@env.task
async def crowd(url: str) -> str:
    holder = asyncio.create_task(hold(url))
    await asyncio.sleep(1)
    answer = await outcome(starved())
    visit(url, "starved")
    return answer + ", " + await holder


if __name__ == "__main__":
    connect()
    with check("main"):
        run = done(flyte.run(main))
        results = run.outputs()[0]
        ended = {c.metadata.task.id.name.partition(".")[2]: c for c in children(run)}
    with check("max_runtime"):
        assert results[0].startswith("MaxRuntimeExceededError"), results[0]
        same(ended["overlong"].phase.value, "timed_out")
    with check("non-recoverable"):
        has(results[1], "no use")
        same(ended["hopeless"].attempts, 1)
    with check("deadline"):
        assert results[2].startswith("DeadlineExceededError"), results[2]
        same(ended["dead"].attempts, 1)
    with check("cancelled"):
        same(results[3], "gave up")
        same(ended["idle"].phase.value, "aborted")
    with check("max_queued_time"):
        run = done(flyte.run(crowd, url=conductor()))
        answer = run.outputs()[0]
        assert answer.startswith("MaxQueuedTimeExceededError") and answer.endswith(", held"), answer
