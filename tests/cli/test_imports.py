"""tacho import, and tacho report, of the logs of other tools, each in its tool's own form."""

import json
import os
import re

import pytest
from support import BURNER, MARKER, export, info, record, report, run

MIB = 1 << 20


@pytest.fixture
def log(tmp_path, monkeypatch):
    """Writes a log."""
    monkeypatch.setenv("TZ", "UTC")

    def write(text, name="some.log"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def samples(path, fields):
    return [tuple(row.values()) for row in export(path, "samples", "--fields", fields)]


def form_is(path, name):
    """A log is recognised by its content alone: without its name, and through a pipe."""
    result = run("report", "--json", "/dev/stdin", input=path.read_bytes(), text=False)
    assert result.returncode == 0, (name, result.stderr)
    return json.loads(result.stdout)


# ---- a sum of processes, and events ----

RESOURCES = """measured 0.00031 s per sample
logger_process_pid:4711,cpu_count:4,vm_total_mb:16000,vm_available_mb:12000,swap_total_mb:2000,swap_free_mb:1500,\
gpu_0_total_mb:24576,gpu_0_free_mb:24000
time,cpu_percent,cpu_percent_global,rss_mb,vms_mb,vms_global_mb,swap_used_mb,read_count,read_count_global,read_mb,\
read_mb_global,write_count,write_count_global,write_mb,write_mb_global,gpu_0_mem_mb,gpu_0_mem_mb_global,\
gpu_0_utilization_percent_global
100.5,0.0,10.0,100,500,4000,500,10,1000,1,50,5,500,2,60,0,576,0
101.5,150.0,40.0,300,900,4200,500,20,1100,3,55,9,600,4,70,800,1376,95.5
102.5,50.0,20.0,200,900,4100,500,30,1200,5,60,13,700,6,80,400,976,12
"""
EVENTS = """100.6,start,load,0
100.7,start,step,0
100.9,end,step,0
101.0,start,step,1
101.1,start,left by an exception,0
101.4,end,step,1
101.5,end,load,0
101.6,start,"a, b ""c\""",0
101.9,end,"a, b ""c\""",0
"""


def test_resources(log):
    path = log(RESOURCES)
    summary = form_is(path, "resources")
    assert summary["wall_s"] == 2 and summary["interval_s"] == 1 and summary["started"] is None
    assert summary["cpu"]["total_s"] == pytest.approx(2.0)
    assert summary["cpu"]["user_s"] is None
    assert summary["memory"]["peak_rss_bytes"] == 300 * MIB
    assert summary["memory"]["peak_at_s"] == 1
    assert summary["machine"]["memory_bytes"] == 16000 * MIB
    assert summary["exit"] is None and summary["processes"]["total"] is None
    assert samples(path, "time,rss,vms,read_count,read_bytes,write_bytes,cpu,read_chars") == [
        (0, 100 * MIB, 500 * MIB, 10, MIB, 2 * MIB, 0, None),
        (1, 300 * MIB, 900 * MIB, 20, 3 * MIB, 4 * MIB, 1.5, None),
        (2, 200 * MIB, 900 * MIB, 30, 5 * MIB, 6 * MIB, 2.0, None)]
    machine = {row["kind"]: row for row in export(path, "machine", "--fields", "all")}
    assert machine["machine"]["memory_available"] == 11900 * MIB
    assert machine["machine"]["swap_free"] == 1500 * MIB and machine["machine"]["user"] is None
    assert machine["disk"]["write_bytes"] == 80 * MIB
    counters = {(row["name"], row["time"]): row["value"] for row in export(path, "counters")}
    assert counters["gpu_0_utilization_percent_global", 1] == 95.5
    assert counters["cpu_percent_global", 2] == 20
    assert len(counters) == 12


def test_resources_of_the_machine_alone(log):
    head, *rows = RESOURCES.splitlines()[2:]
    none = [",".join(["" if name in ("cpu_percent", "rss_mb", "vms_mb", "read_count", "read_mb", "write_count",
                                     "write_mb") else cell
                      for name, cell in zip(head.split(","), row.split(","))]) for row in rows]
    path = log("\n".join([*RESOURCES.splitlines()[:2], head, *none]))
    summary = form_is(path, "resources")
    assert summary["machine"]["peak_used_bytes"] == 4200 * MIB
    assert summary["cpu"]["total_s"] is None and summary["memory"]["peak_rss_bytes"] is None
    text = run("report", path).stdout
    assert "4.10 GiB   in use at most, of 15.6 GiB" in text and "Processes" not in text


def test_events(log):
    path = log(EVENTS)
    summary = form_is(path, "events")
    scopes = {(row["name"], row["start"]): row for row in export(path, "scopes")}
    ends = {key: round(row["end"], 9) for key, row in scopes.items()}
    # Where its end is missing it ends with what it began in, which then is not its innermost scope.
    assert ends == {("load", 0): 0.9, ("step", 0.1): 0.3, ("step", 0.4): 0.8,
                    ("left by an exception", 0.5): 0.8, ('a, b "c"', 1): 1.3}
    assert summary["cpu"]["total_s"] is None and summary["memory"]["peak_rss_bytes"] is None
    text = run("report", path).stdout
    assert "CPU  " not in text.split("Scopes")[0], "what is not known is not shown"


def test_resources_and_events_are_one_job(log, tmp_path):
    resources, events, both = log(RESOURCES, "r.log"), log(EVENTS, "e.log"), tmp_path / "both.tacho"
    assert run("import", events, resources, "-o", both).returncode == 0
    summary = report(both)
    scopes = {row["name"]: row for row in summary["scopes"]}
    assert scopes["load"]["total_s"] == pytest.approx(0.9)
    assert scopes["load"]["cpu_s"] == pytest.approx(1.35), "billed with what the processes used"
    assert summary["memory"]["peak_rss_bytes"] == 300 * MIB
    result = run("report", "--json", resources, events)
    assert json.loads(result.stdout)["scopes"] == summary["scopes"]
    two = json.loads(run("report", "--json", resources, log(RESOURCES, "s.log")).stdout)
    assert len(two["recordings"]) == 2, "two logs of one form are two jobs"


def test_events_that_are_wrong(log):
    path = log("1,start,a,0\n2,end,b,0\n2,middle,a,0\nx,end,a,0\n3,end,a,0\n4,end,a,0\n5,start\n")
    result = run("report", "--json", path)
    assert result.stderr == (f"tacho: {path}: 5 lines not understood: 2 (an end without its start), 3 (not a start "
                             "or an end), 4 (no time), …\n")
    assert json.loads(result.stdout)["scopes"][0]["total_s"] == 2


def test_events_of_threads_overlap(log):
    path = log("1,start,a,0\n2,start,b,0\n3,end,a,0\n4,end,b,0\n")
    assert {(row["name"], row["start"], row["duration"], row["end_seen"])
            for row in export(path, "scopes")} == {("a", 0, 2, 1), ("b", 1, 2, 1)}


# ---- a folder per execution ----

METRICS = ("Time,PID,Virt,Res,CPU,Memory,TCP Connections,Thread Count,User,System,Children_User,Children_System,IO,"
           "uss,swap,processor_num,core_num,cpu_num,cpu_ids,process_status,read_count,write_count,read_bytes,"
           "write_bytes,read_chars,write_chars\n")


def execution(log):
    log("100\n", "run/reference_pid.txt")
    log("Time\tPID\tcreate_time\n2024-05-06 07:08:09\t100\t1714979289.20\n", "run/pids.txt")
    log('["python3", "my job.py"]', "run/command-100_1714979289.20.json")
    log("sleep 5", "run/command-101_1714979290.50.txt")
    log('[{"processor_id": 0, "cpu_id": 0, "core_id": 0}, {"processor_id": 1, "cpu_id": 0, "core_id": 1}]',
        "run/core_affinity.json")
    log('[{"physical id": "0", "model name": "Abacus 9"}]', "run/cpu_details.json")
    log(METRICS
        + "2024-05-06 07:08:10,100,1000,500,0.0,1.5,2,3,0.5,0.1,0.0,0.0,0.0,400,0,1,1,1,\"[0, 2]\",running,"
          "10,5,100,50,1000,500\n"
        + "2024-05-06 07:08:11,100,2000,900,90.0,2.5,1,3,1.25,0.15,0.0,0.0,0.01,800,0,2,2,1,0,sleeping,"
          "20,9,200,90,2000,900\n"
        + "2024-05-06 07:08:13,100,2000,800,90.0,2.5,1,3,2.5,0.25,0.75,0.25,0.01,700,,2,2,1,0,sleeping,"
          "20,9,200,90,2000,900\n", "run/metrics-100_1714979289.20.csv")
    log(METRICS + "2024-05-06 07:08:11,101,50,40,0,0,0,1,0.75,0.25,0,0,0,30,0,1,1,1,1,sleeping,1,1,1,1,1,1\n"
        + "yesterday,101\n", "run/metrics-101_1714979290.50.csv")
    return log("", "run/empty").parent


def test_a_folder_per_execution(log, tmp_path):
    path = execution(log)
    result = run("report", "--json", path)
    assert result.stderr == (f"tacho: {path}: 1 line not understood: metrics-101_1714979290.50.csv:3 (no time)\n")
    summary = json.loads(result.stdout)
    assert summary["command"] == ["python3", "my job.py"]
    assert summary["started"] == "2024-05-06T07:08:09.200000000Z" and summary["wall_s"] == pytest.approx(3.8)
    # The second process is handed over to the first, where it does not count again.
    assert summary["cpu"]["total_s"] == pytest.approx(3.75)
    assert summary["memory"]["peak_rss_bytes"] == 940
    rows = samples(path, "pid,rss,uss,num_threads,status,tcp_established,iowait,package_mask,swap,children_user")
    assert rows[0] == (100, 500, 400, 3, "R", 2, 0, 5, 0, 0)
    assert rows[-1] == (100, 800, 700, 3, "S", 1, 0.01, 1, None, 0.75)
    processes = export(path, "processes", "--fields", "pid,start,command")
    assert [(p["pid"], p["command"]) for p in processes] == [(100, "python3 'my job.py'"), (101, "sleep 5")]
    assert processes[1]["start"] == pytest.approx(1.3)
    facts = {fact["key"]: fact for fact in info(path)["facts"]}
    assert facts["processors"]["number"] == 2 and facts["cpu_model"]["text"] == "Abacus 9"
    recording = tmp_path / "run.tacho"
    assert run("import", path, "-o", recording).returncode == 0
    assert report(recording)["cpu"] == summary["cpu"]


def test_a_folder_in_the_hour_that_comes_twice(log, monkeypatch):
    monkeypatch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
    rows = [f"2024-10-27 {clock},100,1,{i},0,0,0,1,{i}.5,0,0,0,0,1,0,1,1,1,0,sleeping,1,1,1,1,1,1\n"
            for i, clock in enumerate(["02:59:58", "02:59:59", "02:00:00", "02:00:01", "02:00:02"])]
    # And somebody sets the clock.
    rows.append(rows[-1].replace("02:00:02", "01:00:03").replace(",4.5,", ",6.5,"))
    path = log(METRICS + "".join(rows), "run/metrics-100_1729990790.csv").parent
    summary = report(path)
    assert summary["wall_s"] == pytest.approx(13, abs=0.01) and summary["cpu"]["total_s"] == 6.5
    assert summary["cpu"]["peak_cores"] == pytest.approx(2, rel=0.01)


# ---- ranks ----

def rank_log(log, rank, size=2, start=1714979289):
    lines = [f"{rank}//{size}//@inner//{start + 1}.5//{start + 2}//10.5//20.25//I/O",
             f"{rank}//{size}//@outer//{start + 1}//{start + 3 + rank}.25//10//20.25//@outer", "rubbish", ""]
    return log("\n".join(lines), f"job/logproc_{start}_{rank}_{size}.log")


def test_a_rank(log):
    path = rank_log(log, 1)
    result = run("report", "--json", path)
    assert "1 line not understood: 3 (not rank//size//@function" in result.stderr
    summary = json.loads(result.stdout)
    assert [(one["rank"], one["size"]) for one in summary["ranks"]] == [(1, 2)]
    assert summary["started"] == "2024-05-06T07:08:10.000000000Z" and summary["wall_s"] == 3.25
    scopes = {row["name"]: row for row in summary["scopes"]}
    assert scopes["outer"]["self_s"] == 2.75 and scopes["outer"]["category"] == ""
    assert scopes["inner"]["total_s"] == 0.5 and scopes["inner"]["category"] == "I/O"
    categories = {row["name"]: row["total_s"] for row in summary["categories"]}
    assert categories == {"I/O": 0.5, "Others": 2.75}
    assert summary["memory"]["peak_rss_bytes"] == 20.25 * MIB
    assert summary["cpu"]["total_s"] is None
    assert [(row["time"], row["value"]) for row in export(path, "counters")] == [
        (0, 10), (0.5, 10.5), (1, 20.25), (3.25, 20.25)]


def test_ranks_stand_side_by_side(log, tmp_path):
    first, second = rank_log(log, 0), rank_log(log, 1)
    together = json.loads(run("report", "--json", first.parent).stdout)
    assert [(one["rank"], one["size"]) for one in together["ranks"]] == [(0, 2), (1, 2)]
    assert json.loads(run("report", "--json", first, second).stdout)["ranks"] == together["ranks"]
    recording = tmp_path / "both.tacho"
    assert run("import", first.parent, "-o", recording).returncode == 0
    assert {row["comm"] for row in export(recording, "processes")} == {"rank 0", "rank 1"}
    assert report(recording)["ranks"] == [], "one recording is of one rank, or of none"


# ---- psrecord, memory_profiler ----

PSRECORD = """# Elapsed time   CPU (%)     Real (MB)   Virtual (MB)  USS (MB)  
       0.000        0.000        5.500       20.000        4.000
       1.000      100.000       12.250       21.000       10.000
       3.000       50.000        8.000       21.000        6.000
"""


def test_psrecord(log):
    path = log(PSRECORD + "what\n   4.000  nan  -1  20 4\n")
    summary = form_is(log(PSRECORD, "right"), "psrecord")
    assert summary["wall_s"] == 3 and summary["cpu"]["total_s"] == 2
    assert summary["memory"]["peak_rss_bytes"] == 12.25 * MIB and summary["started"] is None
    assert samples(path, "time,rss,vms,uss,cpu")[1] == (1, 12.25 * MIB, 21 * MIB, 10 * MIB, 1)
    assert "2 lines not understood: 5 (no time), 6 (a number that cannot be)" in run("report", path).stderr


MPROF = """CMDLINE /usr/bin/python3 job.py 'two words'
FUNC __main__.inner 11.0000 1714979290.0000 20.5000 1714979290.5000 1
FUNC __main__.outer 10.0000 1714979289.5000 20.5000 1714979291.0000 0
MEM 9.500000 1714979289.2500
CHLD 0 1.250000 1714979289.2510
MEM 30.250000 1714979290.2500
CHLD 0 2.500000 1714979290.2510
MEM many 1714979291
"""


def test_mprof(log):
    path = log(MPROF)
    result = run("report", "--json", path)
    assert "1 line not understood: 8 (not MEM, memory and time)" in result.stderr
    summary = json.loads(result.stdout)
    assert summary["command"] == ["/usr/bin/python3", "job.py", "two words"]
    assert summary["started"] == "2024-05-06T07:08:09.250000000Z"
    assert summary["memory"]["peak_rss_bytes"] == (30.25 + 2.5) * MIB
    assert summary["cpu"]["total_s"] is None
    scopes = {row["name"]: row for row in summary["scopes"]}
    assert scopes["__main__.outer"]["self_s"] == 1 and scopes["__main__.inner"]["total_s"] == 0.5
    assert [p["comm"] for p in export(path, "processes")] == ["python3", "child 0"]


# ---- con-duct, prmon, Nextflow ----

def duct_line(second, **processes):
    return json.dumps({"timestamp": f"2024-05-06T09:08:{second:02}.500000+02:00", "num_samples": 1,
                       "processes": processes, "totals": {"pmem": 1.0, "pcpu": 1.0, "rss": 1, "vsz": 1},
                       "averages": {"rss": 1.0, "num_samples": 1}}) + "\n"


def of_ps(pcpu, rss, etime, cmd="python3 ./job.py --fast"):
    return {"pcpu": pcpu, "pmem": 0.1, "rss": rss, "vsz": 2 * rss, "timestamp": "2024-05-06T09:08:10+02:00",
            "etime": etime, "stat": {"Ss": 1}, "cmd": cmd}


DUCT = (duct_line(10, **{"100": of_ps(0.0, 1000, "00:00")})
        + duct_line(20, **{"100": of_ps(50.0, 5000, "00:10"), "101": of_ps(10.0, 3000, "00:05", "sleep 9")})
        + duct_line(30, **{"100": of_ps(40.0, 2000, "00:20")}))
DUCT_INFO = json.dumps({
    "command": "./job.py --fast", "system": {"cpu_total": 20, "memory_total": 33333219328, "hostname": "fancy",
                                             "uid": 1000, "user": "me"}, "env": {}, "gpu": None,
    "duct_version": "0.17.0", "schema_version": "0.2.2",
    "execution_summary": {"exit_code": 3, "command": "./job.py --fast", "logs_prefix": "p_", "peak_rss": 8000,
                          "num_samples": 3, "num_reports": 3, "start_time": 1714979289.5, "end_time": 1714979315.0},
    "working_directory": "/home/me"})


def test_duct(log):
    usage, about = log(DUCT, ".duct/logs/2024_usage.jsonl"), log(DUCT_INFO, ".duct/logs/2024_info.json")
    prefix = str(usage).removesuffix("usage.jsonl")
    summaries = [report(path) for path in (usage, about, prefix)]
    assert summaries[0] == summaries[1] == summaries[2], "either names both, and so does what is before"
    summary = summaries[0]
    assert summary["command"] == ["./job.py", "--fast"] and summary["host"] == "fancy"
    assert summary["exit"]["code"] == 3 and summary["wall_s"] == 25.5
    # 40 % of 20 s, and 10 % of 5 s.
    assert summary["cpu"]["total_s"] == pytest.approx(8.5)
    assert summary["memory"]["peak_rss_bytes"] == 8000 and summary["io"]["read_bytes"] is None
    assert samples(usage, "pid,rss,vms,status")[1] == (100, 5000, 10000, "S")
    assert {p["command"] for p in export(usage, "processes")} == {"python3 ./job.py --fast", "sleep 9"}
    assert form_is(usage, "duct")["exit"] is None, "without the other file nobody knows"
    both = json.loads(run("report", "--json", usage, about).stdout)
    assert both == summary, "named both, they are read once"


def test_duct_lines_that_are_wrong(log):
    path = log(DUCT + "{\"processes\": {\n" + duct_line(40, x=of_ps(1, 2, "00:01"))
               + duct_line(41, **{"7": of_ps(1, 2, "soon")}))
    assert "3 lines not understood: 4 (not JSON), 5 (a pid that cannot be), 6 (a number that cannot be)" in run(
        "report", path).stderr


PRMON = """Time\twtime\tstime\tutime\tpss\trss\tswap\tvmem\trchar\tread_bytes\twchar\twrite_bytes\trx_bytes\trx_packets\t\
tx_bytes\ttx_packets\tnprocs\tnthreads
1714979290\t1\t0\t0\t5116\t5816\t0\t35036\t749220\t3526656\t0\t0\t2421\t11\t668\t4\t1\t1
1714979321\t32\t6\t17\t379469\t385508\t0\t929804\t21411819\t272224256\t1091256\t69632\t9089738\t7021\t348583\t2560\t4\t9
1714979352\t63\t9\t21\t0\t281332\t0\t988928\t29769911\t335474688\t1346624\t217088\t13157914\t10702\t716675\t4589\t2\t5
"""
PRMON_SUMMARY = json.dumps({
    "Avg": {"rss": 200000}, "HW": {"cpu": {"CPUs": 16, "CoresPerSocket": 4, "ModelName": "Abacus 9", "Sockets": 2,
                                           "ThreadsPerCore": 2}, "mem": {"MemTotal": 1000000}},
    "Max": {"rss": 385508, "utime": 21, "stime": 9, "wtime": 63, "rchar": 29769911}, "prmon": {"Version": "3.0.2"},
}, indent=4)


def test_prmon(log):
    series, about = log(PRMON, "prmon.txt"), log(PRMON_SUMMARY, "prmon.json")
    summary = form_is(series, "prmon")
    assert summary["started"] == "2024-05-06T07:08:09.000000000Z" and summary["wall_s"] == 63
    assert summary["cpu"]["total_s"] == 30 and summary["cpu"]["user_s"] == pytest.approx(21, rel=1e-6)
    assert summary["memory"]["peak_rss_bytes"] == 385508 * 1024
    assert summary["processes"]["peak_concurrent"] == 4 and summary["threads"]["peak"] == 9
    assert summary["io"]["read_bytes"] == 335474688 and summary["io"]["read_count"] is None
    assert " by 0 calls" not in run("report", series).stdout
    assert samples(series, "pss")[1:] == [(379469 * 1024,), (None,)]
    network = [row for row in export(series, "machine", "--fields", "all") if row["kind"] == "network"]
    assert network[-1]["received_bytes"] == 13157914 and network[-1]["sent_packets"] == 4589
    both = json.loads(run("report", "--json", about, series).stdout)
    assert both["machine"]["memory_bytes"] == 1000000 * 1024 and both["cpu"] == summary["cpu"]
    alone = report(about)
    assert alone["wall_s"] == 63 and alone["cpu"]["total_s"] == 30
    assert alone["memory"]["peak_rss_bytes"] == 385508 * 1024


TRACE = """task_id\thash\tnative_id\tname\tstatus\texit\tsubmit\tduration\trealtime\t%cpu\tpeak_rss\tpeak_vmem\trchar\twchar
4\tfb/cc864e\t58589\tAlign (sample2)\tCOMPLETED\t0\t2024-05-06 07:08:10.000\t1m 10s\t1m\t150.5%\t3.1 MB\t4.6 MB\t193.5 KB\t540 B
5\t88/2b5695\t58627\tQC (sample3)\tFAILED\t2\t2024-05-06 07:08:20.500\t730ms\t200ms\t50.0%\t1 GB\t2 GB\t2 MB\t0
6\t24/5f3856\t58596\tQC (sample4)\tCACHED\t0\t2024-05-01 07:08:20.500\t730ms\t200ms\t50.0%\t3.1 MB\t4.6 MB\t177 KB\t3.3 KB
7\t24/5f3857\t-\tQC (sample5)\tABORTED\t-\t2024-05-06 07:08:21\t-\t-\t-\t-\t-\t-\t-
8\t24/5f3857\t-\tQC (sample6)\tCOMPLETED\t0\t2024-05-06 07:08:21\t1s\t1s\tmuch\t-\t-\t-\t-
"""


def test_nextflow(log):
    path = log(TRACE)
    result = run("report", "--json", path)
    assert "1 line not understood: 6 (a number that cannot be)" in result.stderr
    summary = json.loads(result.stdout)
    # Submitted at 10 s, ready 70 s later, of which it ran 60 s.
    assert summary["started"] == "2024-05-06T07:08:20.000000000Z" and summary["wall_s"] == 60
    assert summary["cpu"]["total_s"] == pytest.approx(90.4)
    assert summary["memory"]["peak_rss_bytes"] == 1 << 30
    assert summary["io"]["read_chars"] == pytest.approx(193.5 * 1024 + 2 * MIB)
    assert summary["processes"]["failed"] == 1
    rows = {row["comm"]: row for row in export(path, "processes", "--fields", "comm,exit_code,start,end,peak_rss")}
    assert rows["QC (sample3)"]["exit_code"] == 2 and rows["QC (sample5)"]["exit_code"] is None
    assert rows["QC (sample3)"]["end"] - rows["QC (sample3)"]["start"] == pytest.approx(0.2)
    assert "QC (sample4)" not in rows


# ---- there and back ----

@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    path = tmp_path_factory.mktemp("imports") / "run.tacho"
    result = record(path, "sh", "-c", f"{BURNER} burn 0.4; {MARKER} each; exit 3",
                    options=["-i", "0.1"])
    assert result.returncode == 3, result.stderr
    return path


@pytest.mark.parametrize("form", ["rows", "prmon", "nextflow", "duct", "directory"])
def test_what_is_exported_is_read_back(recording, tmp_path, form):
    out = tmp_path / "out"
    assert run("export", recording, "--to", form, "-o", out).returncode == 0
    if form == "directory":
        [out] = out.iterdir()
    before, after = report(recording), report(out)
    assert after["target"] == "log"
    if form == "directory":
        # Which of a second's ticks were a process's is a guess: so is who was there with whom, but not who was.
        largest = [{p["pid"]: p["max_rss"] for p in export(path, "processes", "--fields", "pid,max_rss")}
                   for path in (recording, out)]
        assert largest[0] == largest[1]
    else:
        rounded = MIB if form == "rows" else 1024
        assert after["memory"]["peak_rss_bytes"] == pytest.approx(before["memory"]["peak_rss_bytes"], abs=rounded)
    # con-duct's ages are whole seconds; a folder's times are.
    slack = 1.0 if form in ("duct", "directory") else 0.05
    assert after["cpu"]["total_s"] == pytest.approx(before["cpu"]["total_s"], rel=0.05, abs=slack)
    assert after["wall_s"] == pytest.approx(before["wall_s"], abs=1.2)
    if form in ("duct", "nextflow"):
        status = after["exit"] or {"code": export(out, "processes")[0]["exit_code"]}
        assert status["code"] == 3
    if form in ("prmon", "nextflow", "directory"):
        assert after["io"]["write_chars"] == before["io"]["write_chars"]


def test_scopes_there_and_back(recording, tmp_path):
    events, ranks = tmp_path / "events.log", tmp_path / "ranks"
    assert run("export", recording, "--to", "rows", "--table", "scopes", "-o", events).returncode == 0
    assert run("export", recording, "--to", "ranks", "-o", ranks).returncode == 0
    [log_of_rank] = ranks.iterdir()

    def totals(path):
        return {row["name"].replace("\n", " "): (row["count"], pytest.approx(row["total_s"], abs=1e-5))
                for row in report(path)["scopes"]}

    assert totals(recording) == totals(log_of_rank) == totals(events)
    assert len(totals(events)) > 0


# ---- all of them ----

ALL = {"resource-log": RESOURCES, "event-log": EVENTS, "psrecord": PSRECORD, "mprof": MPROF, "duct": DUCT,
       "prmon": PRMON, "nextflow": TRACE}


@pytest.mark.parametrize("form", ALL)
def test_a_page_is_made(log, tmp_path, form):
    path, page, recording = log(ALL[form]), tmp_path / "page.html", tmp_path / "made.tacho"
    assert run("report", path, "--html", page).returncode == 0
    assert path.name in page.read_text() or form in ("mprof", "duct")
    assert run("import", path, "-o", recording).returncode == 0
    assert report(recording) == report(path)
    text, again = run("report", path).stdout, run("report", recording).stdout
    assert text == again and "18446744073709551615" not in text
    # Each line cut at each of some places, and bytes of any kind: never more than a line left out.
    hostile = log(ALL[form].encode().replace(b"0", b"\xff", 3) + b"\0\x1b[2J\n" + b"9" * 400 + b"\n", "hostile")
    result = run("report", hostile, text=False)
    assert result.returncode in (0, 1) and b"\x1b[2J" not in result.stdout + result.stderr
    assert run("import", log(ALL[form].replace("\n", "\r\n"), "dos"), "-o", tmp_path / "dos.tacho").returncode == 0


def test_nothing_that_is_understood(log, tmp_path):
    path = log("just words\n")
    result = run("report", path)
    assert result.returncode == 1 and result.stderr.count("\n") == 1
    listed = [line.split()[0] for line in run("import", "--list-formats").stdout.splitlines()]
    assert len(listed) == 12
    assert all(re.search(rf"\b{name}\b", result.stderr) for name in listed)
    for empty in (log("", "nothing"), tmp_path / "nowhere", log("x", "folder/x").parent):
        result = run("report", empty)
        assert result.returncode == 1 and result.stderr.count("\n") == 1 and str(empty) in result.stderr


def test_clocks_that_have_nothing_in_common(log, tmp_path):
    result = run("import", log(PSRECORD, "a"), log(MPROF, "b"), "-o", tmp_path / "no.tacho")
    assert result.returncode == 1 and "clock" in result.stderr and not os.path.exists(tmp_path / "no.tacho")
