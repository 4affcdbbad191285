# SPDX-License-Identifier: Apache-2.0
"""A run that waits for people: signalled by the command line and by the SDK,
and waited for in vain."""

import subprocess
import time

import flyte
import flyte.errors
import flyte.remote

from common import check, connect, done, same

env = flyte.TaskEnvironment(name="conditions", resources=flyte.Resources(cpu=1, memory="250Mi"))


@env.task
async def ask() -> str:
    go = await flyte.new_condition.aio("go", prompt="Go on?", data_type=bool)
    answer = [await go.wait.aio()]
    for kind, name in ((int, "number"), (str, "word"), (float, "share")):
        condition = await flyte.new_condition.aio(name, prompt=f"Which {name}?", data_type=kind)
        answer.append(await condition.wait.aio())
    return repr(answer)


@env.task
async def ask_in_vain() -> str:
    condition = await flyte.new_condition.aio("silence", timeout=1)
    try:
        return str(await condition.wait.aio())
    except flyte.errors.ConditionTimedoutError:
        return "nobody answered"


def paused(run, name):
    for _ in range(600):
        condition = flyte.remote.Condition.get(name, run_name=run.name)
        if condition is not None and condition.phase.endswith("PAUSED"):
            return condition
        time.sleep(0.1)
    raise AssertionError(f"no condition {name} is waiting")


if __name__ == "__main__":
    connect()
    with check("signalled"):
        run = flyte.run(ask)
        condition = paused(run, "go")
        told = subprocess.run(
            ["flyte", "signal", "condition", run.name, condition.action_name, "true"], capture_output=True, text=True
        )
        assert told.returncode == 0, told.stdout + told.stderr
        for name, value in (("number", -3), ("word", "ja"), ("share", 0.5)):
            paused(run, name).signal(value)
        same(done(run).outputs()[0], "[True, -3, 'ja', 0.5]")
    with check("timed out"):
        same(done(flyte.run(ask_in_vain)).outputs()[0], "nobody answered")
