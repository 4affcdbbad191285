# SPDX-License-Identifier: Apache-2.0
"""Where a task is: its directory, its /tmp, its environment, its limits."""

import os
import pathlib
import resource
import sys

import flyte

from common import check, children, connect, done, same, tell

env = flyte.TaskEnvironment(
    name="place",
    resources=flyte.Resources(cpu=1, memory="250Mi", shm="64Mi"),
    env_vars={"FROM_TASK": "task", "FROM_BOTH": "task", "PYTHONUNBUFFERED": "", "_U_RUN_BASE": "s3://elsewhere"},
)


@env.task
async def look(mark: str) -> dict[str, str]:
    here, tmp = pathlib.Path.cwd(), pathlib.Path("/tmp")
    seen = {
        "mine before": str(any(here.glob("mark-*")) or any(tmp.glob("mark-*"))),
        "task": os.environ.get("FROM_TASK", ""),
        "both": os.environ.get("FROM_BOTH", ""),
        "unbuffered": repr(os.environ.get("PYTHONUNBUFFERED")),
        "host": os.environ.get("PROOF_ENDPOINT", ""),
        "action": os.environ["ACTION_NAME"],
        "python": sys.prefix,
        "shm": str(os.statvfs("/dev/shm").f_blocks * os.statvfs("/dev/shm").f_frsize),
        "core": str(resource.getrlimit(resource.RLIMIT_CORE)[1]),
    }
    (here / f"mark-{mark}").write_text(mark)
    (tmp / f"mark-{mark}").write_text(mark)
    try:
        # One file system, as in a container: programs write a temporary file and
        # move it to where it belongs.
        os.rename(f"/tmp/mark-{mark}", here / f"moved-{mark}")
        seen["moved"] = "yes"
    except OSError as e:
        seen["moved"] = str(e)
    try:
        (pathlib.Path(sys.prefix) / "mark").write_text(mark)
        seen["prefix"] = "writable"
    except OSError:
        seen["prefix"] = "read-only"
    return seen


@env.task
async def main() -> list[dict[str, str]]:
    return [await look("one"), await look("two")]


if __name__ == "__main__":
    connect()
    with check("main"):
        run = done(flyte.with_runcontext(env_vars={"FROM_BOTH": "run"}).run(main))
        one, two = run.outputs()[0]
    with check("private directories"):
        same((one["mine before"], two["mine before"]), ("False", "False"))
    with check("a file moves from /tmp"):
        same((one["moved"], two["moved"]), ("yes", "yes"))
    with check("the run's variables beat the task's, and the action's beat both"):
        same((one["task"], one["both"]), ("task", "run"))
        same(one["unbuffered"], "''")
    with check("nothing of the server's environment"):
        same(one["host"], "")
    with check("its own name"):
        same([one["action"], two["action"]], [c.name for c in children(run)])
    with check("shared memory"):
        same(one["shm"], str(64 << 20))
    tell(python=one["python"], prefix=one["prefix"])
