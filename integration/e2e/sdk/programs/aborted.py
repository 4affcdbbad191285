# SPDX-License-Identifier: Apache-2.0
"""Starts a run whose child stays until it is aborted, and tells how that ends."""

import sys

import flyte
import flyte.errors

from common import check, children, conductor, connect, has, image, root, same, tell, visit

env = flyte.TaskEnvironment(name="aborted", image=image(), resources=flyte.Resources(cpu=1, memory="250Mi"))


@env.task
async def stay(url: str) -> str:
    visit(url, "stay")
    return "let go"


@env.task
async def parent(url: str) -> str:
    try:
        return await stay(url)
    except flyte.errors.ActionAbortedError:
        return "the child was aborted"


if __name__ == "__main__":
    connect()
    run = flyte.run(parent, url=conductor())
    tell(run=run.name)
    run.wait(quiet=True)
    (child,) = children(run)
    if sys.argv[1] == "run":
        with check("run"):
            same((run.phase.value, child.phase.value), ("aborted", "aborted"))
            same(root(run).abort_info.reason, "enough of it")
            try:
                run.raise_for_status()
            except flyte.errors.ActionAbortedError as e:
                has(str(e), "enough of it")
            else:
                raise AssertionError("no exception")
    else:
        with check("action"):
            same((run.phase.value, child.phase.value), ("succeeded", "aborted"))
            same(run.outputs()[0], "the child was aborted")
