"""Energy: what is asked of it on the command line, and on machines that count it."""

from pathlib import Path

import pytest
import support

RAPL = Path("/sys/class/powercap/intel-rapl:0/energy_uj")


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    out = tmp_path_factory.mktemp("energy") / "run.tacho"
    assert support.record(out, support.BURNER, "burn", "1.2").returncode == 0
    return out


@pytest.mark.parametrize("amount", ["", "x", "-1", "1e3", "4,5", "99999999", "nan", "400g"])
def test_what_is_no_amount_of_carbon_is_refused(recording, amount):
    result = support.run("report", recording, "--carbon", amount)
    assert result.returncode == 2 and result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert f": --carbon takes grams of CO2 for each kWh, as 400, not '{amount}'" in result.stderr


def test_carbon_is_for_words_and_programs(recording, tmp_path):
    for other in (("--html", tmp_path / "page.html"), ("--plot", tmp_path / "plots")):
        result = support.run("report", recording, "--carbon", "400", *other)
        assert result.returncode == 2
        assert "--carbon is for the words and for --json" in result.stderr


def test_where_nothing_counts_energy_nothing_is_said_of_it(recording):
    if RAPL.parent.exists():
        pytest.skip("this machine counts energy")
    result = support.run("report", recording, "--carbon", "400")
    assert result.returncode == 0 and "Energy" not in result.stdout
    assert support.report(recording)["energy"] is None
    assert not [row for row in support.export(recording, "machine") if row["kind"] == "energy"]


def test_a_machine_that_counts_it(recording):
    try:
        RAPL.read_text()
    except OSError as error:
        pytest.skip(f"energy cannot be read here: {error}")
    energy = support.report(recording)["energy"]
    assert 0.1 < energy["mean_w"] < 10000
    assert 0 < energy["job_j"]
    assert [row for row in support.export(recording, "machine") if row["kind"] == "energy"]
