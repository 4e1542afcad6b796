"""GPUs, with a stand-in for NVIDIA's library: what is recorded of them, and what becomes of a driver
that is old, slow, refuses, or hangs."""

import json
import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from support import TACHO, export, info, report, run, wait_until

STANDINS = {age: Path(os.environ.get(f"NVML_{age.upper()}", Path(TACHO).parent /
                                     f"tests/cli/libnvml-standin-{age}.so"))
            for age in ("new", "old")}
GIB = 1 << 30
WAITING_JOB = 'echo $$ > "$0.new"; mv "$0.new" "$0"; while [ ! -e "$0.end" ]; do sleep 0.02; done; exit 3'


class Driver:
    """A stand-in for the library, and recordings made with it."""

    def __init__(self, directory, age="new"):
        self.directory = directory
        self.lines = directory / "gpus"
        self.path = directory / "run.tacho"
        library = directory / age
        library.mkdir()
        (library / "libnvidia-ml.so.1").symlink_to(STANDINS[age])
        self.env = {**os.environ, "LD_LIBRARY_PATH": str(library), "NVML_STANDIN": str(self.lines)}
        self.job = self.at = None
        self.says("gpus 1")

    def says(self, *lines):
        new = self.lines.with_suffix(".new")
        new.write_text("".join(f"{line}\n" for line in lines))
        new.rename(self.lines)

    def record(self, *command, options=(), **kwargs):
        return run("record", "-q", "-o", self.path, *options, "--", *command, env=self.env, **kwargs)

    def start(self, *options, prefix=(), output=None):
        """A job that runs until end(), and its pid."""
        self.at = self.directory / "job"
        self.job = subprocess.Popen(
            [TACHO, "record", "-q", "-o", output or self.path, "-i", "0.02", *options, "--", *prefix, "sh", "-c",
             WAITING_JOB, str(self.at)], env=self.env, stderr=subprocess.PIPE, text=True)
        wait_until(self.at.exists)
        return int(self.at.read_text())

    def end(self):
        """Its exit status is the job's, whatever the driver did, and nothing is said."""
        Path(f"{self.at}.end").touch()
        _, stderr = self.job.communicate(timeout=60)
        assert (self.job.returncode, stderr) == (3, "")

    def clean_up(self):
        """After a test that failed the job, and so its recorder, must not go on for ever."""
        if self.job is not None and self.job.poll() is None:
            Path(f"{self.at}.end").touch()
            self.job.wait(timeout=60)

    def gpus(self, index="0"):
        return [row for row in export(self.path, "machine")
                if row["kind"] == "gpu" and row["name"] == str(index)]

    def values(self, name, index="0"):
        return [row[name] for row in self.gpus(index) if row.get(name) is not None]

    def wait_for(self, condition):
        """Until the recording, which is still written, shows it."""
        wait_until(lambda: self.path.exists() and self.path.stat().st_size > 0 and condition())


@pytest.fixture
def driver(tmp_path):
    driver = Driver(tmp_path)
    yield driver
    driver.clean_up()


def facts(path):
    return {fact["key"]: fact.get("text", fact.get("number")) for fact in info(path)["facts"]}


def of_processes(path, *options):
    return export(path, "samples", "--fields", "time,pid,gpu_memory,gpu_utilization", *options)


def test_two_gpus_and_what_a_process_holds(driver):
    driver.says("gpus 2", "name 0 Big GPU", "set 0 util 87")
    pid = driver.start()
    driver.says("gpus 2", "name 0 Big GPU", "set 0 util 87", "set 0 throttle 4",
                f"process 0 {pid} {GIB} 40", f"process 1 {pid} {2 * GIB} 25 g", f"process 1 1 {GIB}")
    driver.wait_for(lambda: driver.values("target_memory", 1)[-1:] == [2 * GIB] and any(
        row["gpu_utilization"] for row in of_processes(driver.path)))
    driver.says("gpus 2", "set 0 util 87")
    driver.wait_for(lambda: driver.values("target_memory", 1)[-1:] == [0])
    driver.end()
    assert (facts(driver.path)["gpus"], facts(driver.path)["gpu_driver"]) == (2, "550.54.15")
    assert facts(driver.path)["gpu_0_name"] == "Big GPU"
    row = driver.gpus(0)[0]
    assert {key: row[key] for key in ("utilization", "memory_total", "memory_used", "power",
                                      "temperature", "sm_clock", "memory_clock", "pcie_received",
                                      "ecc_corrected")} == {
        "utilization": 0.87, "memory_total": 80 * GIB, "memory_used": GIB, "power": 100000,
        "temperature": 40, "sm_clock": 1410000000, "memory_clock": 1593000000,
        "pcie_received": 2000 << 10, "ecc_corrected": 0}
    energy = driver.values("energy")
    assert energy == sorted(energy) and energy[-1] > energy[0] >= 5_000_000_000
    assert set(driver.values("throttle_reasons")) == {0, 4}
    assert max(driver.values("target_memory", 0)) == GIB
    assert max(driver.values("processes", 1)) == 2
    mine = [row for row in of_processes(driver.path) if row["pid"] == pid]
    memory = [row["gpu_memory"] for row in mine if row["gpu_memory"] is not None]
    assert memory[0] in (GIB, 3 * GIB) and max(memory) == 3 * GIB and memory[-1] == 0
    assert 0.65 in [row["gpu_utilization"] for row in mine]
    check_report(driver.path, pid)
    check_pictures(driver.path, driver.directory)
    check_rows(driver.path)
    check_traces(driver.path)


def check_report(path, pid):
    one, two = report(path)["gpu"]
    wall = report(path)["wall_s"]
    assert 0 < one["energy_j"] <= 100 * (wall + 1)  # at 100 W
    expected = {"index": 0, "name": "Big GPU", "mean_utilization": 0.87, "peak_utilization": 0.87,
                "memory_bytes": 80 * GIB, "peak_memory_bytes": GIB, "peak_target_memory_bytes": GIB,
                "peak_unmapped_memory_bytes": 0, "peak_power_w": 100, "peak_temperature_c": 40,
                "throttle_reasons": ["power"], "uncorrected_errors": 0}
    assert {key: one[key] for key in expected} == expected
    assert set(one) == set(two) == {*expected, "energy_j", "throttled_s"}
    assert 0 < one["throttled_s"] < wall and two["throttled_s"] == 0
    assert (two["index"], two["mean_utilization"], two["peak_target_memory_bytes"]) == (
        1, 0.1, 2 * GIB)
    lines = run("report", path, env={**os.environ, "COLUMNS": "120"}).stdout.splitlines()
    row, = (line for line in lines if "Big GPU" in line)
    for cell in ("87 %", "1.00 GiB", "80.0 GiB", "100 W", "40 C", ", power"):
        assert cell in row
    row, = (line for line in lines[lines.index("On GPUs"):] if str(pid) in line)
    assert "3.00 GiB" in row and "65 %" in row


def check_rows(path):
    """The log of resources of another tool has columns for each GPU."""
    _, machine, head, *rows = run("export", path, "--to", "rows").stdout.splitlines()
    facts = dict(fact.split(":") for fact in machine.split(","))
    assert facts["gpu_0_total_mb"] == facts["gpu_1_total_mb"] == "81920"
    assert int(facts["gpu_1_free_mb"]) == 81920 - 2048 - 500
    names = head.split(",")
    assert names[-6:] == ["gpu_0_mem_mb", "gpu_0_mem_mb_global", "gpu_0_utilization_percent_global",
                          "gpu_1_mem_mb", "gpu_1_mem_mb_global", "gpu_1_utilization_percent_global"]
    rows = [dict(zip(names, row.split(","), strict=True)) for row in rows]
    assert {row["gpu_0_utilization_percent_global"] for row in rows} <= {"", "87"}
    assert {row["gpu_1_mem_mb_global"] for row in rows} <= {"", "2048"}
    assert {row["gpu_1_mem_mb"] for row in rows} - {""} == {"0", "2048"}
    assert rows[-1]["gpu_0_mem_mb"] == "0"


def test_rows_live(driver):
    """GPUs that are named are there from the first row on."""
    driver.says("gpus 3")
    log = driver.directory / "resources.log"
    pid = driver.start("--gpu", "0,2", "--stream", "rows", "--force", output=log)
    driver.says("gpus 3", f"process 2 {pid} {5 * GIB}")
    wait_until(lambda: "5120," in log.read_text())
    driver.end()
    _, machine, head, *rows = log.read_text().splitlines()
    assert "gpu_0_total_mb:81920,gpu_0_free_mb:80396,gpu_2_total_mb:81920" in machine
    rows = [dict(zip(head.split(","), row.split(","), strict=True)) for row in rows]
    assert "gpu_1_mem_mb" not in rows[0]
    assert rows[0]["gpu_2_mem_mb_global"] == "3072"
    assert rows[0]["gpu_2_utilization_percent_global"] == "20"
    assert {row["gpu_0_mem_mb"] for row in rows} == {"0"}
    assert rows[-1]["gpu_2_mem_mb"] == "5120"


def check_traces(path):
    """Counters of GPUs, and of what a process holds of them."""
    events = json.loads(run("export", path, "--to", "chrome").stdout)
    events = events["traceEvents"] if isinstance(events, dict) else events
    values = {}
    for event in events:
        if event["ph"] == "C":
            values.setdefault(event["name"], []).extend(event["args"].values())
    assert values["GPU 0 utilization"] == [87] and values["GPU 1 utilization"] == [10]
    assert values["GPU 1 memory_used"] == [2 * GIB] and values["GPU 0 power"] == [100000]
    assert max(values["gpu_memory"]) == 3 * GIB and values["gpu_memory"][-1] == 0


def check_pictures(path, directory):
    """Charts of them in plots and pages."""
    html = directory / "run.html"
    assert run("report", path, "--html", html).returncode == 0
    page = html.read_text()
    assert "GPUs in use" in page and "GPU memory" in page and "GPU 1" in page
    if shutil.which("gnuplot") is None:
        return
    result = run("report", path, "--plot", directory / "plots", "--metrics", "gpu,gpu-memory")
    assert result.returncode == 0, result.stderr
    lines = (directory / "plots" / "gpu.dat").read_text().splitlines()
    head, *rows = [line.split("\t") for line in lines]
    assert head[1] == '"GPU 0 mean"' and "0.87" in {row[1] for row in rows}
    assert {row[head.index('"GPU 1 max"')] for row in rows} <= {"0.1", "?", "NaN", ""}
    lines = (directory / "plots" / "gpu-memory.dat").read_text().splitlines()
    head, *rows = [line.split("\t") for line in lines]
    held = [float(row[head.index('"recorded processes max"')] or 0) for row in rows]
    assert max(held) == pytest.approx(3 * GIB, rel=1e-8) and held[-1] == 0
    assert (directory / "plots" / "gpu-memory.svg").stat().st_size > 1000


def test_sixteen_gpus_and_two_of_them(driver):
    driver.says("gpus 16")
    assert driver.record("sleep", "0.3").returncode == 0
    assert {row["name"] for row in export(driver.path, "machine") if row["kind"] == "gpu"} == {
        str(i) for i in range(16)}
    assert driver.record("sleep", "0.3", options=("--force", "--gpu", "3,11,3")).returncode == 0
    assert facts(driver.path)["gpus"] == 2
    assert driver.values("temperature", 11)[0] == 51
    assert driver.values("temperature", 3)[0] == 43 and not driver.gpus(0)


def test_none_are_recorded_where_none_are_wanted_or_there(driver, tmp_path):
    assert driver.record("true", options=("--gpu", "none")).returncode == 0
    assert "gpus" not in facts(driver.path) and not driver.gpus()
    header = run("export", driver.path, "--table", "machine").stdout.splitlines()[0]
    assert "temperature" not in header
    driver.says("gpus 0")
    result = driver.record("true", options=("--force",))
    assert (result.returncode, result.stderr) == (0, "")
    assert report(driver.path)["gpu"] is None
    assert "has no GPUs" in facts(driver.path)["gpu_error"]


@pytest.mark.parametrize("options, lines, status, words", [
    ("7", ["gpus 2"], 1, "there is no GPU 7: there are 0 to 1"),
    ("0", ["fail Init 9"], 1, "finds no driver in the kernel"),
    ("0", ["fail Init 4"], 1, "may not speak to the driver"),
    ("0", ["fail Init 18"], 1, "is of another version than the driver"),
    ("1,", [], 2, "numbers below 64 with commas"),
    ("all", [], 2, "'auto', 'none' or numbers"),
    ("64", [], 2, "not '64'"),
])
def test_what_was_named_must_be_there(driver, tmp_path, options, lines, status, words):
    driver.says(*lines)
    result = driver.record("touch", tmp_path / "ran", options=("--gpu", options))
    assert result.returncode == status and words in result.stderr
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "ran").exists() and not driver.path.exists()


def test_without_the_library(driver, tmp_path):
    env = {**driver.env, "LD_LIBRARY_PATH": str(tmp_path)}
    if subprocess.run([TACHO, "record", "-q", "-o", tmp_path / "auto.tacho", "true"], env=env,
                      check=True) and "gpus" in facts(tmp_path / "auto.tacho"):
        pytest.skip("this machine has NVIDIA's driver")
    assert "gpu_error" not in facts(tmp_path / "auto.tacho")
    result = run("record", "-o", driver.path, "--gpu", "0", "true", env=env)
    assert result.returncode == 1 and "no libnvidia-ml.so.1" in result.stderr
    assert result.stderr.count("\n") == 1


def test_an_old_driver_says_less(tmp_path):
    driver = Driver(tmp_path, "old")
    driver.says("set 0 reserved 1024")
    pid = driver.start()
    driver.says("set 0 reserved 1024", f"process 0 {pid} 4096")
    driver.wait_for(lambda: driver.values("target_memory")[-1:] == [4096])
    driver.end()
    row = driver.gpus()[0]
    assert row["memory_used"] == GIB + 1024 and row["temperature"] == 40
    gpu, = report(driver.path)["gpu"]
    assert gpu["energy_j"] is None is gpu["throttled_s"] is gpu["throttle_reasons"]
    for missing in ("energy", "throttle_reasons", "pcie_sent", "ecc_corrected"):
        assert driver.values(missing) == [], missing
    assert all(row["gpu_utilization"] is None for row in of_processes(driver.path))


@pytest.mark.parametrize("size", [16, 32])
def test_process_entries_of_any_size(driver, size):
    """Drivers put entries of several sizes behind one symbol."""
    pid = driver.start()
    driver.says(f"bytes {size}", f"process 0 1 {GIB}", f"process 0 {pid} 12288 10 b", "process 0 2 5")
    driver.wait_for(lambda: driver.values("target_memory")[-1:] == [12288])
    driver.end()
    assert max(driver.values("processes")) == 3


def test_a_gpu_divided_into_instances(driver):
    driver.says("mig 0 2")
    pid = driver.start()
    driver.says("mig 0 2", f"process 100 1 {GIB}", f"process 100 {pid} {GIB}",
                f"process 200 {pid} {2 * GIB}", "fail DeviceGetUtilizationRates 3")
    driver.wait_for(lambda: driver.values("target_memory")[-1:] == [3 * GIB])
    driver.end()
    assert facts(driver.path)["gpu_0_divided"] == 1
    assert all(row["gpu_utilization"] is None for row in of_processes(driver.path))


def test_a_gpu_that_is_lost(driver):
    driver.says("gpus 2")
    pid = driver.start()
    driver.says("gpus 2", f"process 0 {pid} {GIB}", f"process 1 {pid} {GIB}")
    driver.wait_for(lambda: driver.values("target_memory")[-1:] == [GIB])
    driver.says("gpus 2", "lost 0", f"process 0 {pid} {GIB}", f"process 1 {pid} {GIB}")

    driver.wait_for(lambda: "GPU 0 was lost" in run("report", driver.path).stdout)
    driver.wait_for(lambda: driver.gpus(1)[-1]["time"] > driver.gpus(0)[-1]["time"] + 0.5)
    driver.end()
    held = [row["gpu_memory"] for row in of_processes(driver.path) if row["gpu_memory"] is not None]
    assert held[-1] == GIB < 2 * GIB == max(held)
    missing = [cause for cause in info(driver.path)["missing"] if cause["kind"] == "gpu"]
    assert missing and missing[0]["count"] > 0


def test_no_permission_for_processes(driver):
    driver.says("fail DeviceGetComputeRunningProcesses 4", "fail DeviceGetGraphicsRunningProcesses 4",
                "fail DeviceGetMPSComputeRunningProcesses 4", "fail DeviceGetPowerUsage 4")
    assert driver.record("sleep", "0.3").returncode == 0
    assert driver.values("temperature") and not driver.values("processes")
    assert not driver.values("power") and not driver.values("target_memory")
    assert any(cause["kind"] == "gpu" for cause in info(driver.path)["missing"])


def test_pids_that_mean_nothing_here(driver):
    free = max(int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()) + 100000
    driver.says(f"process 0 {free} {GIB}", f"process 0 4294967295 {GIB}", f"process 0 0 {GIB}")
    assert driver.record("sleep", "0.3").returncode == 0
    assert max(driver.values("unmapped_memory")) == GIB
    assert set(driver.values("target_memory")) == {0}


def test_a_pid_of_another_namespace(driver):
    """The driver names a process by the id that it has inside its namespace, which nobody has here."""
    last = int(Path("/proc/loadavg").read_text().split()[4])
    free = next(pid for pid in range(last - 1, 300, -1) if not Path(f"/proc/{pid}").exists())
    inside = ("unshare", "--pid", "--fork", "sh", "-c",
              f'echo {free - 1} > /proc/sys/kernel/ns_last_pid || exit; "$@"; exit $?', "sh")
    if subprocess.run([*inside, "true"], capture_output=True).returncode != 0:
        pytest.skip("no pid namespace with an id of one's own choice may be made here")
    assert driver.start(prefix=inside) == free
    driver.says(f"process 0 {free} {GIB}")
    driver.wait_for(lambda: driver.values("target_memory")[-1:] == [GIB])
    driver.end()
    holders = {row["pid"] for row in of_processes(driver.path) if row["gpu_memory"] == GIB}
    row, = (row for row in export(driver.path, "processes", "--fields", "pid,inner_pid,ppid")
            if row["pid"] in holders)
    assert row["inner_pid"] == free != row["pid"]


def test_slow_calls_delay_no_tick(driver):
    driver.says("slow DeviceGetUtilizationRates 400")
    pid = driver.start()
    driver.wait_for(lambda: len(driver.values("temperature")) >= 2)
    driver.end()
    ticks = [row["time"] for row in export(driver.path) if row["pid"] == pid]
    assert len(driver.values("temperature")) * 5 < len(ticks)


@pytest.mark.parametrize("call", ["Init", "DeviceGetPowerUsage", "Shutdown"])
def test_a_hung_driver_harms_nobody(driver, call):
    driver.says(f"hang {call}")
    result = driver.record("sh", "-c", "sleep 0.3; exit 7")
    assert (result.returncode, result.stderr) == (7, "")
    summary = report(driver.path)
    assert summary["exit"]["code"] == 7 and summary["completeness"]["unaccounted_s"] is not None
    assert facts(driver.path)["end_reason"] == "ended"


def test_a_driver_that_hangs_later_leaves_values_missing(driver):
    pid = driver.start()
    driver.says(f"process 0 {pid} {GIB}")
    driver.wait_for(lambda: driver.values("target_memory")[-1:] == [GIB])
    driver.says("hang DeviceGetTemperature", f"process 0 {pid} {GIB}")

    driver.wait_for(lambda: "does not answer" in run("report", driver.path).stdout)
    driver.end()
    last = [row for row in of_processes(driver.path, "--fill") if row["pid"] == pid][-1]
    assert last["gpu_memory"] is None
    assert any(cause["kind"] == "gpu" for cause in info(driver.path)["missing"])


def test_hostile_names(driver):
    name = "\x1b[31m<script>alert(1)</script>\"'&,\xff"
    driver.says(f"name 0 {name}", "driver \x1b]0;x\x07")
    assert driver.record("sleep", "0.2").returncode == 0
    for arguments in (("info",), ("info", "--json"), ("report",), ("report", "--json")):
        result = run(*arguments, driver.path)
        assert result.returncode == 0 and "\x1b" not in result.stdout
    json.loads(run("report", "--json", driver.path).stdout)


def test_doctor(driver):
    def gpu():
        result = run("doctor", "--json", env=driver.env)
        return next(f for f in json.loads(result.stdout)["read"] if f["name"] == "gpu")

    driver.says("gpus 16")
    assert gpu() == {"name": "gpu", "works": True,
                     "reason": "16 GPUs of NVIDIA's, driver 550.54.15"}
    driver.says("fail Init 9")
    assert not gpu()["works"] and "finds no driver" in gpu()["reason"]
