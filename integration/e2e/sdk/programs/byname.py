# SPDX-License-Identifier: Apache-2.0
"""Runs tasks that were deployed, by reference to them."""

import flyte
import flyte.remote

from common import check, children, connect, done, same

env = flyte.TaskEnvironment(name="byname", resources=flyte.Resources(cpu=1, memory="250Mi"))


@env.task
async def caller(x: int) -> int:
    double = flyte.remote.Task.get("plain.double", auto_version="latest")
    return await double(x=x, plus=2)


if __name__ == "__main__":
    connect()
    with check("run"):
        double = flyte.remote.Task.get("plain.double", version="v1")
        same(done(flyte.run(double, x=5)).outputs()[0], 11)
    with check("everything"):
        everything = flyte.remote.Task.get("full.everything", version="v1")
        run = done(flyte.run(everything, x=5))
        same(run.outputs()[0], 5)
    with check("called by a task"):
        run = done(flyte.run(caller, x=5))
        same(run.outputs()[0], 12)
        (child,) = children(run)
        same(child.metadata.task.id.version, "v1")
