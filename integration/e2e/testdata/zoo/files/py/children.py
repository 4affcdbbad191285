# A child runs out of memory, and its parent takes it lightly.  children.py HOW
import asyncio, multiprocessing as mp, os, sys


def hog():
    return len(bytearray(b"1") * (300 << 20))


def retry():  # three times, then a code of its own
    for _ in range(3):
        p = mp.get_context("forkserver").Process(target=hog)
        p.start()
        p.join()
        print("child", p.exitcode, flush=True)
    sys.exit(4)


def grandchild():  # the child tries again with less, and all is well
    pid = os.fork()
    if pid:
        return print("child", os.waitpid(pid, 0)[1])
    for size in (300, 1):
        pid = os.fork()
        if pid == 0:
            bytearray(b"1") * (size << 20)
            os._exit(0)
        if os.waitpid(pid, 0)[1] == 0:
            os._exit(0)


async def awaited():
    p = await asyncio.create_subprocess_exec(sys.executable, "-c", "x = bytearray(b'1') * (300 << 20)")
    print("child", await p.wait())


if __name__ == "__main__":
    match sys.argv[1]:
        case "retry": retry()
        case "grandchild": grandchild()
        case "awaited": asyncio.run(awaited())
