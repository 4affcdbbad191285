"""A data loader as PyTorch's: workers collate batches into shared memory and
send the segments' names; the parent watches them by SIGCHLD and says what
killed one, in the words of torch/csrc/DataLoader.cpp.

loader.py HOW WORKERS MIB: each worker makes batches of so many MiB, which
nobody frees before the epoch has ended. HOW is
  map        pages are touched as they are filled: SIGBUS where /dev/shm ends
  allocate   room is asked for first, as MapAllocator.cpp does: ENOSPC
  unlinked   segments lose their name at once: nothing is left to be seen
  fallback   the loader's failure is caught, the epoch loaded without workers
  silent     it is caught, and the program ends with 3 and words of its own
  thrifty    each batch is freed as soon as it has been used: it fits
"""
import mmap
import multiprocessing
import os
import signal
import sys
from multiprocessing import resource_tracker, shared_memory

BATCHES = 12  # an epoch
PREFETCH = 2  # batches that each worker may be ahead
WAIT = 60     # seconds for a batch


def segment(how, size):
    """A shared memory segment that lives on when this process has ended."""
    if how == "unlinked":
        fd = os.open(f"/dev/shm/torch_{os.getpid()}", os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        os.unlink(f"/dev/shm/torch_{os.getpid()}")
        os.ftruncate(fd, size)
        return None, mmap.mmap(fd, size)
    shared = shared_memory.SharedMemory(create=True, size=size)
    resource_tracker.unregister(shared._name, "shared_memory")  # the parent frees it
    if how == "allocate":
        try:
            os.posix_fallocate(shared._fd, 0, size)
        except OSError as e:
            raise RuntimeError(f"unable to allocate shared memory(shm) for file </torch_{os.getpid()}_{os.urandom(2).hex()}>: "
                               f"{os.strerror(e.errno)} ({e.errno})") from None
    return shared, shared.buf


kept = []  # a worker's mappings without a name


def work(how, size, indices, batches):
    """A worker: an index in, a batch in shared memory out."""
    while (index := indices.get()) is not None:
        try:
            shared, view = segment(how, size)
            view[:] = bytes([index]) * size  # a batch, collated
        except Exception as e:
            batches.put((index, e))
            continue
        if shared is None:
            kept.append(view)
            batches.put((index, None))
            continue
        batches.put((index, shared.name))
        shared.close()


class Loader:
    """The parent's side. Iterating it loads an epoch."""

    def __init__(self, how, workers, size):
        self.how, self.size = how, size
        self.context = multiprocessing.get_context("fork")
        self.batches = self.context.Queue()
        self.indices = self.context.Queue()
        self.workers = [self.context.Process(target=work, args=(how, size, self.indices, self.batches), daemon=True)
                        for _ in range(workers)]
        for worker in self.workers:
            worker.start()
        self.pids = [worker.pid for worker in self.workers]
        signal.signal(signal.SIGCHLD, self.died)

    def died(self, *_):
        for pid in self.pids:
            status = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if status is None or status.si_code == os.CLD_EXITED:
                continue
            self.pids.remove(pid)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # another worker's end must not come in while this one's is handled
            raise RuntimeError(
                f"DataLoader worker (pid {pid}) is killed by signal: {signal.strsignal(status.si_status)}. "
                "It is possible that dataloader's workers are out of shared memory. "
                "Please try to raise your shared memory limit.")

    def __iter__(self):
        ahead = PREFETCH * len(self.workers)
        for index in range(ahead):
            self.indices.put(index)
        for at in range(BATCHES):
            index, batch = self.batches.get(timeout=WAIT)
            if at + ahead < BATCHES:
                self.indices.put(at + ahead)
            if isinstance(batch, Exception):
                raise batch
            if batch is None:
                yield index
                continue
            shared = shared_memory.SharedMemory(name=batch)
            yield shared.buf[0]
            shared.close()
            if self.how == "thrifty":
                shared.unlink()
            else:
                resource_tracker.unregister(shared._name, "shared_memory")

    def stop(self):
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for worker in self.workers:
            worker.kill()
            worker.join()


def main(how, workers, mib):
    loader = Loader(how, workers, mib << 20)
    try:
        print("sum", sum(loader))
    except RuntimeError as e:
        if how not in ("fallback", "silent"):
            raise
        print("caught", "Bus error" if how == "fallback" and "Bus error" in str(e) else "something")
        if how == "silent":
            sys.exit(3)
        print("sum", sum(range(BATCHES)))
    finally:
        loader.stop()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
