# SPDX-License-Identifier: Apache-2.0
"""All the ways in which a task runs out of memory: by itself, by a child in
whatever form, while it is imported, below what the SDK needs to start. The
parent sees the same exception each time."""

import concurrent.futures
import multiprocessing
import os
import subprocess
import sys

import flyte
import flyte.errors
import flyte.remote

from common import check, children, connect, done, has, same

env = flyte.TaskEnvironment(name="kills", resources=flyte.Resources(cpu=1, memory="200Mi"))

if os.environ.get("HOG_AT_IMPORT"):
    HOG = bytearray(400 << 20)


def hog(mib):
    return len(bytearray(mib << 20)) >> 20


@env.task
async def alone(mib: int) -> int:
    print("about to allocate")
    return hog(mib)


@env.task
async def by_subprocess(mib: int) -> str:
    # Whoever looks only at the exit code would go on, on the cluster as well:
    # there the kernel ends the whole container with its victim.
    code = subprocess.run([sys.executable, "-c", f"bytearray({mib} << 20)"]).returncode
    return f"went on after {code}"


@env.task
async def by_pool(mib: int) -> list[int]:
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        return pool.map(hog, [mib])


@env.task
async def by_fork(mib: int) -> list[int]:
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("fork")) as pool:
        return list(pool.map(hog, [mib]))


@env.task(retries=1)
async def again(mib: int) -> int:
    return hog(mib)


@env.task
async def growing(mib: int) -> str:
    """Finds the memory that its work needs, as a user would write it."""
    memory = 128
    while True:
        try:
            await alone.override(resources=flyte.Resources(memory=f"{memory}Mi"))(mib)
            return f"{memory}Mi"
        except flyte.errors.OOMError:
            memory *= 2
            if memory > 4096:
                raise


async def outcome(call):
    try:
        return f"returned {await call!r}"
    except flyte.errors.OOMError as e:
        return f"OOMError {e.code} {e.kind}"
    except Exception as e:
        return f"{type(e).__name__}: {e}"


@env.task
async def main() -> list[str]:
    hungry = {"HOG_AT_IMPORT": "1"}
    return [
        await outcome(alone(400)),
        await outcome(by_subprocess(400)),
        await outcome(by_pool(400)),
        await outcome(by_fork(400)),
        await outcome(again(400)),
        await outcome(alone.override(env_vars=hungry)(1)),
        await outcome(alone.override(resources=flyte.Resources(memory="32Mi"))(1)),
        await outcome(growing(300)),
    ]


if __name__ == "__main__":
    connect()
    with check("main"):
        run = done(flyte.run(main))
        results = run.outputs()[0]
        ended = children(run)
    ways = ["itself", "subprocess", "pool", "forked worker", "retried", "import", "below the SDK's floor"]
    for way, result, details in zip(ways, results, ended):
        with check(way):
            same(result, "OOMError OOMKilled user")
            same(details.error_info.code, "OOMKilled")
            same(details.attempts, 2 if way == "retried" else 1)
    with check("the floor is told"):
        has(ended[6].error_info.message, "32 MiB", "SDK")
    with check("the child is told"):
        has(ended[1].error_info.message, "python")
    with check("doubling"):
        same(results[7], "returned '512Mi'")
        tries = children(run, ended[7].name)
        same([t.phase.value for t in tries], ["failed", "failed", "succeeded"])
    with check("what was printed is not lost"):
        first = flyte.remote.Action.get(run_name=run.name, name=ended[0].name)
        has("".join(first.get_logs()), "about to allocate")
