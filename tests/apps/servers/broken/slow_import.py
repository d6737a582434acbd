import time

print("slow_import: begun", flush=True)
time.sleep(30)
