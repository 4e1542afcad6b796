"""The files of tools that came before, read as those tools' own scripts read them."""

import csv
import re

COLUMNS = ("time cpu_percent cpu_percent_global rss_mb vms_mb vms_global_mb swap_used_mb read_count "
           "read_count_global read_mb read_mb_global write_count write_count_global write_mb "
           "write_mb_global").split()


def read_resources(text):
    """Facts of the machine, and the columns as lists of numbers; empty ones are None."""
    cost, machine, *rows = text.splitlines()
    facts = dict(fact.split(":") for fact in machine.split(","))
    head, *rows = csv.reader(rows)
    assert head == COLUMNS
    assert re.search(r"\d\.\d+e[-+]\d+ s", cost)
    columns = zip(*([None if cell == "" else float(cell) for cell in row] for row in rows))
    return {key: int(value) for key, value in facts.items()}, dict(zip(head, columns))


def percents_as_seconds(columns):
    """CPU percent over time is CPU."""
    return sum(percent / 100 * (now - before) for percent, now, before in
               zip(columns["cpu_percent"][1:], columns["time"][1:], columns["time"]))


METRICS = ("Time,PID,Virt,Res,CPU,Memory,TCP Connections,Thread Count,User,System,Children_User,"
           "Children_System,IO,uss,swap,processor_num,core_num,cpu_num,cpu_ids,process_status,"
           "read_count,write_count,read_bytes,write_bytes,read_chars,write_chars")
SUMS = ("Time numpids numthreads maxprocessors maxcores maxcpus cpu_ids sumuss sumswap sum_read_count "
        "sum_write_count sum_read_bytes sum_write_bytes sum_read_chars sum_write_chars")
