"""What `tacho report --json` finds worth knowing: each finding by a job that shows it, and one that does not."""

import os

import pytest
import support


def findings(tmp_path, *command, status=0):
    out = tmp_path / "run.tacho"
    assert support.record(out, *command).returncode == status
    return support.report(out)["findings"]


def texts(found):
    return [f["text"] for f in found]


def test_a_failed_command_is_bad_and_comes_first(tmp_path):
    found = findings(tmp_path, "sh", "-c", "false & wait $!; exit 3", status=3)
    assert found[0] == {"severity": "bad", "text": "The command failed: exit 3", "advice": None}
    assert found[1]["severity"] == "warning"
    assert found[1]["text"].startswith("2 of 2 processes failed")


def test_a_killed_command_names_its_signal(tmp_path):
    found = findings(tmp_path, "sh", "-c", "kill -9 $$", status=137)
    assert found[0]["text"] == "The command was killed by SIGKILL"


def test_a_good_short_command_has_nothing_of_its_own(tmp_path):
    # Of the machine, which is not ours alone, there may be something.
    for text in texts(findings(tmp_path, "true")):
        assert "machine" in text or "tick" in text or "gap" in text


@pytest.mark.skipif(os.cpu_count() < 2, reason="one processor is all there is")
def test_one_core(tmp_path):
    found = findings(tmp_path, support.BURNER, "burn", "1.5")
    one = [f for f in found if "about one of" in f["text"]]
    if not one:  # others left less than a processor
        assert any("Others on this machine" in text for text in texts(found))
    else:
        assert one[0]["text"].startswith("For ") and one[0]["severity"] == "note"


def test_waiting(tmp_path):
    found = findings(tmp_path, "sleep", "2.2")
    assert any("processors were in use on average" in text for text in texts(found))


def test_short_processes(tmp_path):
    found = findings(tmp_path, "sh", "-c", "for i in $(seq 150); do /bin/true; done")
    short = [text for text in texts(found) if "lived less than 0.1 s" in text]
    assert short and int(short[0].split()[0]) >= 100


def test_the_category_that_took_most(tmp_path):
    found = findings(
        tmp_path, support.TACHO, "scope", "-c", "I/O", "copy", "--", "sleep", "0.5"
    )
    assert any(text.startswith("I/O took ") for text in texts(found))


def test_the_owner_of_the_peak(tmp_path):
    script = "/usr/bin/python3 -c 'x = b\"x\" * (80 << 20); import time; time.sleep(0.6)' & wait"
    found = findings(tmp_path, "sh", "-c", script)
    assert any(text.startswith("python3") and "at the peak of memory" in text for text in texts(found))
