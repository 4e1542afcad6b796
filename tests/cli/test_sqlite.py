"""tacho export --to sqlite: what SQLite and pandas read is what the tables say."""

import os
import signal
import sqlite3
import subprocess

import pandas
import pytest
from support import MARKER, TACHO, export, record, report, run


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    path = tmp_path_factory.mktemp("sqlite") / "run.tacho"
    script = (f'{MARKER} each; i=0; while [ $i -lt 60000 ]; do i=$((i + 1)); done; '
              f'{TACHO} label "it\'s"; sleep 0.2; exit 3')
    result = record(path, "sh", "-c", script, os.fsdecode(b"a\tb\xff"), options=["-i", "0.05"])
    assert result.returncode == 3, result.stderr
    return path


@pytest.fixture(scope="module")
def database(recording):
    path = recording.with_suffix(".db")
    result = run("export", recording, "--to", "sqlite", "-o", path)
    if "no sqlite in this build" in result.stderr:
        pytest.skip(result.stderr)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert path.stat().st_mode & 0o777 == 0o600
    return path


@pytest.fixture
def db(database):
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    connection.row_factory = sqlite3.Row
    yield connection
    connection.close()


TABLES = ("processes", "samples", "machine", "scopes", "counters", "labels")


@pytest.mark.parametrize("table", TABLES)
def test_tables_are_those_of_jsonl(recording, db, table):
    expected = export(recording, table, "--fields", "all")
    rows = [dict(row) for row in db.execute(f"select * from {table}")]
    assert len(rows) == len(expected) > 0
    for row, known in zip(rows, expected):
        assert list(row) == list(known)
        for key, value in known.items():
            if isinstance(value, float):
                assert row[key] == pytest.approx(value, abs=1e-9), key
            else:
                assert row[key] == value, key


def test_it_is_whole(db):
    assert db.execute("pragma integrity_check").fetchone()[0] == "ok"
    names = {row[0] for row in db.execute("select name from sqlite_master where type != 'index'")}
    assert names == {*TABLES, "facts", "summaries", "samples_filled", "machine_filled"}


def test_the_shell_of_sqlite_opens_it(database):
    result = subprocess.run(["sqlite3", "-readonly", database, "select count(*) from processes"],
                            capture_output=True, text=True, check=True)
    assert int(result.stdout) >= 4


@pytest.mark.parametrize("table, of", [("samples", "rss"), ("samples", "pss"), ("samples", "user"),
                                       ("machine", "load1")])
def test_series_are_filled_forward(db, table, of):
    """Against pandas, which fills on its own."""
    raw = pandas.read_sql(f"select rowid, entity, time, {of} from {table} order by time, rowid", db)
    view = pandas.read_sql(f"select entity, time, {of} from {table}_filled order by time, entity", db)
    raw["filled"] = raw.groupby("entity")[of].ffill()
    raw = raw.sort_values(["time", "entity"], kind="stable").reset_index(drop=True)
    assert raw[of].notna().sum() > 0
    assert (raw.filled.fillna(-1) == view[of].astype(float).fillna(-1)).all()
    assert list(raw.entity) == list(view.entity)


def test_figures_are_those_of_the_report(recording, db):
    summary, found = report(recording), dict(db.execute("select key, value from summaries"))
    for key, value in found.items():
        part = summary
        for name in key.split("."):
            part = part[name]
        assert value == (part if part is None else pytest.approx(part, rel=1e-5)), key
    assert found["processes.total"] == db.execute("select count(*) from processes").fetchone()[0]
    assert found["cpu.total_s"] > 0


def test_facts(db):
    facts = dict(db.execute("select key, value from facts"))
    assert facts["target"] == "launch" and facts["interval_ns"] == 50_000_000
    assert facts["command"].startswith("sh -c ") and facts["command"].endswith("$'a\\tb\\xff'")


def test_pandas_plots_what_it_reads(db):
    frame = pandas.read_sql("select time, entity, rss from samples_filled", db)
    assert frame.pivot(index="time", columns="entity", values="rss").max().max() > 100_000


def test_files(recording, database, tmp_path):
    result = run("export", recording, "--to", "sqlite")
    assert result.returncode == 2 and "-o" in result.stderr and result.stderr.count("\n") == 1
    before = database.read_bytes()
    result = run("export", recording, "--to", "sqlite", "-o", database)
    assert result.returncode == 1 and "--force" in result.stderr
    assert database.read_bytes() == before
    copy = tmp_path / "copy.db"
    copy.write_bytes(before + b"rest")
    assert run("export", recording, "--to", "sqlite", "-o", copy, "--force").returncode == 0
    assert copy.read_bytes() == before


def test_a_full_disk_is_one_line(recording, tmp_path):
    """As far as a limit on the size of files is one."""
    out = tmp_path / "small.db"
    result = subprocess.run(["sh", "-c", 'ulimit -f 16; exec "$@"', "sh", TACHO, "export",
                             recording, "--to", "sqlite", "-o", out],
                            capture_output=True, text=True,
                            preexec_fn=ignore_size_signal)
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1 and f"cannot write {out}" in result.stderr
    assert os.path.exists(out)


def ignore_size_signal():
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
