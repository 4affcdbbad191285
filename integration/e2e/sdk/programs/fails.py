# SPDX-License-Identifier: Apache-2.0
"""Programs that fail: what the run's owner is told."""

import logging
import sys

import flyte
import flyte.errors

from common import check, connect, done, has, root, same, tell

env = flyte.TaskEnvironment(name="fails", resources=flyte.Resources(cpu=1, memory="250Mi"))


class Sour(Exception):
    pass


@env.task
async def fall() -> int:
    print("on standard output")
    print("on standard error", file=sys.stderr)
    logging.getLogger("mine").warning("by a logger")
    raise Sour("the milk is off")


@env.task
async def leave() -> int:
    sys.exit(3)


@env.task
async def loud(lines: int) -> int:
    for i in range(lines):
        print(f"line {i:06d} " + "." * 80)
    print("no newline at the end", end="")
    return lines


if __name__ == "__main__":
    connect()
    with check("raised"):
        run = done(flyte.run(fall), "failed")
        try:
            run.raise_for_status()
        except flyte.errors.RuntimeUserError as e:
            same(e.code, "Sour")
            has(str(e), "the milk is off")
        else:
            raise AssertionError("no exception")
        same(root(run).error_info.kind, 1)
        tell(fell=run.name)
    with check("exit"):
        run = done(flyte.run(leave), "failed")
        tell(left=run.name, left_code=root(run).error_info.code, left_message=root(run).error_info.message)
    with check("loud"):
        run = done(flyte.run(loud, lines=20000))
        logged = [line.strip() for line in run.get_logs()]
        lines = [line for line in logged if line.startswith("line ")]
        want = [f"line {i:06d} " + "." * 80 for i in range(20000)]
        assert lines == want, f"{len(lines)} lines, the first {lines[:1]}, the last {lines[-1:]}"
        assert any("no newline at the end" in line for line in logged), logged[-3:]
