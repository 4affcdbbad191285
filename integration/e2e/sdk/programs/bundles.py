# SPDX-License-Identifier: Apache-2.0
"""How code travels: the modules that are loaded, all files of the project, or
the task itself as a pickle."""

import pathlib

import flyte

from common import check, connect, done, same
from parts.one import ONE

env = flyte.TaskEnvironment(name="bundles", resources=flyte.Resources(cpu=1, memory="250Mi"))


@env.task
async def found() -> dict[str, str]:
    data = pathlib.Path("parts/data.txt")
    return {"one": ONE, "data": data.read_text().strip() if data.exists() else "absent"}


if __name__ == "__main__":
    connect()
    with check("loaded modules"):
        run = done(flyte.run(found))
        same(run.outputs()[0], {"one": "the first part", "data": "absent"})
    with check("all"):
        run = done(flyte.with_runcontext(copy_style="all").run(found))
        same(run.outputs()[0], {"one": "the first part", "data": "some data"})
    with check("pickle"):
        context = flyte.with_runcontext(
            name="pickled",
            interactive_mode=True,
            labels={"team": "proof"},
            annotations={"note": "as a notebook does it"},
            env_vars={"COLOUR": "blue"},
            overwrite_cache=True,
            max_action_concurrency=4,
        )
        run = done(context.run(found))
        same(run.name, "pickled")
        same(run.outputs()[0]["one"], "the first part")
