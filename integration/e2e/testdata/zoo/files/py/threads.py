# More threads than there may be processes.
import threading, time

for _ in range(200):
    threading.Thread(target=time.sleep, args=(20,), daemon=True).start()
