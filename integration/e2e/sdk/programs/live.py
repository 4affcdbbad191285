# SPDX-License-Identifier: Apache-2.0
"""Says something, waits for the test, says more."""

import flyte

from common import check, conductor, connect, tell, visit

env = flyte.TaskEnvironment(name="live", resources=flyte.Resources(cpu="500m", memory="250Mi"))


@env.task
async def talk(url: str) -> None:
    print("before")
    visit(url, "go")
    print("after")


if __name__ == "__main__":
    connect()
    with check("log"):
        run = flyte.run(talk, url=conductor())
        lines = []
        for line in run.get_logs():
            lines.append(line.strip())
            tell(line=line.strip())
        assert "before" in lines and "after" in lines, lines
