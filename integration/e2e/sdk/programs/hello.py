# SPDX-License-Identifier: Apache-2.0
"""The smallest program: one task, one input, one output."""

import flyte

from common import check, connect, done, same, tell

env = flyte.TaskEnvironment(name="hello")


@env.task
async def greet(name: str) -> str:
    print(f"greeting {name}")
    return f"hello {name}"


if __name__ == "__main__":
    connect()
    with check("run"):
        run = done(flyte.run(greet, name="ada"))
        same(run.outputs()[0], "hello ada")
        same(run.inputs()["name"], "ada")
        tell(run=run.name, url=run.url, bundle=run.code_bundle().tgz if hasattr(run, "code_bundle") else "")
