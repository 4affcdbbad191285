"""A shared memory segment (shm_open) that nobody unlinks: who comes next must not find it."""
import os
from multiprocessing import resource_tracker, shared_memory

print(sorted(os.listdir("/dev/shm")), flush=True)
left = shared_memory.SharedMemory("zoo-left", create=True, size=8 << 20)
left.buf[:] = b"x" * (8 << 20)
resource_tracker.unregister(left._name, "shared_memory")
os._exit(3)
