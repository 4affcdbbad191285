# SPDX-License-Identifier: Apache-2.0
"""What the programs have in common: where the endpoint is, how a check is told
to the test that runs them, and how a task shows the test where it is."""

import atexit
import contextlib
import json
import os
import sys
import time
import traceback
import urllib.request

import flyte
import flyte.remote

PROJECT, DOMAIN = "proofs", "development"


def image():
    """The image that tasks run in, where the test has one; the SDK's own otherwise."""
    return flyte.Image.from_base(os.environ["PROOF_IMAGE"]) if "PROOF_IMAGE" in os.environ else "auto"


def connect():
    flyte.init(endpoint=os.environ["PROOF_ENDPOINT"], insecure=True, project=PROJECT, domain=DOMAIN)
    atexit.register(leave)


def leave():
    """Ends the client here: the SDK's native threads now and then abort an
    interpreter that takes itself apart, after all is done and told."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(1 if hasattr(sys, "last_type") else 0)


def tell(**facts):
    print("@proof " + json.dumps(facts), flush=True)


@contextlib.contextmanager
def check(name):
    """One thing that has to be so: a subtest of its own."""
    try:
        yield
    except Exception:
        tell(check=name, failed=traceback.format_exc())
    else:
        tell(check=name)


def same(got, want):
    assert got == want, f"got {got!r}, want {want!r}"


def has(text, *words):
    missing = [w for w in words if w not in text]
    assert not missing, f"no {missing} in {text!r}"


def done(run, phase="succeeded"):
    """Waits for a run to end as it should."""
    run.wait(quiet=True)
    if run.phase.value != phase:
        raise AssertionError(f"run {run.name} ended {run.phase.value}, want {phase}: {why(run)}")
    return run


def why(run):
    info = root(run).error_info
    return f"{info.code}: {info.message}" if info else "no error"


def root(run):
    return action(run, "a0")


def action(run, name):
    return flyte.remote.ActionDetails.get(run_name=run.name, name=name)


def children(run, parent="a0"):
    """The details of an action's children, in the order in which they were made."""
    found = flyte.remote.Action.listall(for_run_name=run.name, parent_name=parent)
    return [action(run, a.name) for a in found]


def conductor():
    """Where the test listens; it is handed to tasks as an input."""
    return os.environ["PROOF_CONDUCTOR"]


def stamp(url, point):
    """Tells the test when a task came to a point, to the microsecond."""
    visit(url, f"{point}@{time.time_ns()}")


def visit(url, point):
    """Tells the test that a task has come to a point, and waits there until the
    test lets it go on."""
    request = f"{url}/{point}?attempt={int(os.environ.get('FLYTE_ATTEMPT_NUMBER', 0)) + 1}"
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=600) as answer:
        return answer.read().decode()
