"""Workers that mark, started in each way there is. Usage: workers.py HOW [FILE to record into]"""

import concurrent.futures
import multiprocessing
import os
import subprocess
import sys
import threading

import tacho


@tacho.scope("work", category="Core")
def work(n):
    return n * n


def many(n):
    return sum(work(i) for i in range(n))


def by_threads():
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        assert list(pool.map(many, [25] * 4)) == [4900] * 4
    threading.Thread(target=tacho.thread_name, args=("named",)).start()


def by_fork():
    for _ in range(4):
        if os.fork() == 0:
            many(25)
            os._exit(0)
    for _ in range(4):
        assert os.wait()[1] == 0


def by_method(method):
    context = multiprocessing.get_context(method)
    with context.Pool(2) as pool:
        assert pool.map(many, [25] * 4) == [4900] * 4
        pool.close()
        pool.join()


def by_futures():
    with concurrent.futures.ProcessPoolExecutor(2) as pool:
        assert list(pool.map(many, [25] * 4)) == [4900] * 4


def by_subprocess():
    for keyword in ({}, {"env": dict(os.environ)}, {"close_fds": False}, {"start_new_session": True}):
        subprocess.run([sys.executable, __file__, "once"], check=True, **keyword)


def by_exec():
    if os.fork() == 0:
        many(75)
        os.execv(sys.executable, [sys.executable, __file__, "once"])
    assert os.wait()[1] == 0


HOW = {"threads": by_threads, "fork": by_fork, "futures": by_futures, "subprocess": by_subprocess,
       "exec": by_exec, "once": lambda: many(25), "nothing": lambda: None,
       "mpfork": lambda: by_method("fork"), "spawn": lambda: by_method("spawn"),
       "forkserver": lambda: by_method("forkserver")}

if __name__ == "__main__":
    if len(sys.argv) > 2:
        with tacho.recording(sys.argv[2], interval=0.1), tacho.scope("all"):
            HOW[sys.argv[1]]()
    else:
        with tacho.scope("all"):
            HOW[sys.argv[1]]()
