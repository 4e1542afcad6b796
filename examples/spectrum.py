"""A numpy program that says what it does: scopes with categories, labels, and a counter.

    tacho record python3 spectrum.py
    tacho report tacho-python3-*.tacho

Signals with a hidden tone are made and saved, read back, and searched for it: each step allocates, computes
and writes in ways that show in the report, the page and the plots.
"""

import os
import sys
import tempfile

import numpy

import tacho

SAMPLES = 1 << 20
TONES = (440.0, 523.25, 659.26, 783.99)


@tacho.scope(category="Simulation")
def make_signal(tone, seed):
    time = numpy.arange(SAMPLES) / SAMPLES
    noise = numpy.random.default_rng(seed).standard_normal(SAMPLES)
    return numpy.sin(2 * numpy.pi * tone * 100 * time) + noise


@tacho.scope("save", category="I/O")
def save(signal, path):
    with open(path, "wb") as file:
        numpy.save(file, signal)
        os.fsync(file.fileno())


@tacho.scope(category="Analysis")
def loudest(signal):
    with tacho.scope("fourier", category="Analysis"):
        spectrum = numpy.abs(numpy.fft.rfft(signal))
    return float(numpy.argmax(spectrum[1:]) + 1) / 100


def main(rounds):
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for number in tacho.iterate(range(rounds), "simulate"):
            tone = TONES[number % len(TONES)]
            tacho.label(f"tone of {tone:.0f} Hz")
            paths.append(os.path.join(folder, f"{number}.npy"))
            save(make_signal(tone, number), paths[-1])
        tacho.label("all signals are saved")
        with tacho.scope("load all", category="I/O"):
            signals = [numpy.load(path) for path in paths]
        for signal in tacho.iterate(signals, "analyse"):
            found = loudest(signal)
            tacho.counter("tone", found)
            print(f"{found:.2f} Hz")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 8)
