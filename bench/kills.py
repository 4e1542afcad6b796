"""50 SIGKILLs at random moments, of the recorder or of the job: what was read back."""

import json
import os
import random
import signal
import subprocess
import sys
import time

TACHO, WORK = os.environ["TACHO_BINARY"], sys.argv[1]
chance = random.Random(1)
JOB = "while :; do /bin/true; sleep 0.02; done"


def report(path):
    result = subprocess.run([TACHO, "report", "--json", path], stdout=subprocess.PIPE)
    return json.loads(result.stdout) if result.returncode == 0 else None


worst, unreadable, lost_bytes = {"recorder": 0.0, "job": 0.0}, 0, 0
for turn in range(50):
    victim = "recorder" if turn % 2 else "job"
    path, pid_file = f"{WORK}/kill{turn}.tacho", f"{WORK}/pid"
    recorder = subprocess.Popen([TACHO, "record", "-q", "-i", "0.02", "-o", path, "--", "sh", "-c",
                                 f"echo $$ > {pid_file}; {JOB}"], start_new_session=True)
    while not (os.path.exists(pid_file) and open(pid_file).read().endswith("\n")):
        time.sleep(0.005)
    job = int(open(pid_file).read())
    began = time.monotonic()
    time.sleep(chance.uniform(0.02, 3))
    killed = time.monotonic()
    os.kill(recorder.pid if victim == "recorder" else job, signal.SIGKILL)
    recorder.wait()
    os.killpg(recorder.pid, signal.SIGKILL) if victim == "recorder" else None
    os.unlink(pid_file)
    summary = report(path)
    if summary is None:
        unreadable += 1
        continue
    worst[victim] = max(worst[victim], (killed - began) - summary["wall_s"])
    os.unlink(path)
print("50 SIGKILLs at random moments, 50 Hz")
print(f"  files that could not be read        {unreadable}")
print(f"  most lost, recorder killed          {worst['recorder']:.2f} s (goal: ≤ 1 s and a tick)")
print(f"  most lost, job killed               {max(worst['job'], 0):.2f} s")
