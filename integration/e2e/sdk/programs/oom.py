# SPDX-License-Identifier: Apache-2.0
"""Runs main.py's program and looks at what was written down about it."""

import flyte
import flyte.errors

import main as program
from common import check, children, connect, done, has, root, same, tell

if __name__ == "__main__":
    connect()
    with check("caught and repeated"):
        run = done(flyte.run(program.main))
        same(run.outputs()[0], "trained with 700 MiB, at the second try")
        tell(run=run.name)
    with check("told"):
        first, second = children(run)
        same((first.phase.value, second.phase.value), ("failed", "succeeded"))
        same((first.attempts, second.attempts), (1, 1))
        same(first.error_info.code, "OOMKilled")
        same(first.error_info.kind, 1)  # the user's
        # The limit and where it is from, the peak, the victim, and what to write instead.
        has(first.error_info.message, "400 MiB", "peak", "a0", ".override(resources=", "memory=")
        same(second.metadata.parent, "a0")
        tell(oom_message=first.error_info.message, oom_action=first.name, good_action=second.name)
    with check("alone"):
        # Without a parent to catch it the run itself fails, with the same exception.
        lone = done(flyte.run(program.train_model, 700), "failed")
        try:
            lone.raise_for_status()
        except flyte.errors.OOMError as e:
            same((e.code, e.kind), ("OOMKilled", "user"))
        else:
            raise AssertionError("no OOMError")
        same(root(lone).attempts, 1)
        tell(lone=lone.name)
