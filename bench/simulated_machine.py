"""A simulated motor on two bearings, three accelerometers at 20 kHz, in good order or with one of six faults.

Bearing faults: trains of impulses, each ringing a resonance, modulated by the load zone as McFadden and Smith describe
("Model for the vibration produced by a single point defect in a rolling element bearing", Journal of Sound and Vibration
96(1), 1984), with the random slip of Antoni and Randall ("A stochastic model for simulation and diagnostics of rolling
element bearings with localized faults", Journal of Vibration and Acoustics 125(3), 2003). Unbalance: the first order
grows with the square of the speed. Bent shaft: first order radial and axial. Misalignment: first and second order, axial
strongest. Every machine has orders of its own, gear-like line and broadband noise. All of it is made up.
"""
import array
import math
import random
import struct

RATE = 20_000
AXES = 3
FAULTS = ("unbalance", "bent shaft", "misalignment", "outer race", "inner race", "ball")
# 6205-like: 9 balls, 7.94 mm on a 39.04 mm pitch.
RATIO = 7.94 / 39.04
ORDER = {"outer race": 4.5 * (1 - RATIO), "inner race": 4.5 * (1 + RATIO),
         "ball": (1 - RATIO * RATIO) / RATIO, "cage": 0.5 * (1 - RATIO)}


def _tones(samples, tones):
    """Sum of (Hz, amplitude, phase) by turning pointers: no sine per sample."""
    out = [0.0] * samples
    for hz, amplitude, phase in tones:
        step = complex(math.cos(2 * math.pi * hz / RATE), math.sin(2 * math.pi * hz / RATE))
        at = complex(math.cos(phase), math.sin(phase)) * amplitude
        for i in range(samples):
            out[i] += at.imag
            at *= step
    return out


def _ring(resonance_hz, decay_s=0.0012):
    length = int(5 * decay_s * RATE)
    return [math.exp(-i / RATE / decay_s) * math.sin(2 * math.pi * resonance_hz * i / RATE) for i in range(length)]


def _impacts(out, speed_hz, fault, strength, rng, rings, gains):
    period = RATE / (ORDER[fault] * speed_hz)
    modulation_hz = {"outer race": 0, "inner race": speed_hz, "ball": ORDER["cage"] * speed_hz}[fault]
    phase = rng.uniform(0, 2 * math.pi)
    at = rng.uniform(0, period)
    samples = len(out[0])
    while at < samples:
        load = 1.0
        if modulation_hz:  # the load zone: nothing where the defect is unloaded
            load = max(0.0, 0.35 + 0.65 * math.cos(2 * math.pi * modulation_hz * at / RATE + phase))
        start, hit = int(at), strength * load * rng.uniform(0.8, 1.2)
        for axis in range(AXES):
            gain, ring, channel = hit * gains[axis], rings[axis], out[axis]
            for i in range(min(len(ring), samples - start)):
                channel[start + i] += gain * ring[i]
        at += period * (1 + 0.01 * rng.gauss(0, 1))


def record(machine_seed, run_seed, speed_hz, fault=None, severity=1.0, seconds=2.0):
    """Three lists of samples. `machine_seed` fixes what the machine is, `run_seed` what differs from run to run."""
    machine, rng = random.Random(machine_seed), random.Random(run_seed)
    samples = int(seconds * RATE)
    speed_hz *= 1 + 0.004 * rng.gauss(0, 1)
    resonances = [machine.uniform(2500, 7000) for _ in range(AXES)]
    rings = [_ring(hz) for hz in resonances]
    gains = [machine.uniform(0.5, 1.0) for _ in range(AXES)]
    structure = [[machine.uniform(0.2, 1) for _ in range(5)] for _ in range(AXES)]
    out = []
    for axis in range(AXES):
        run = 1 + 0.08 * rng.gauss(0, 1)  # mounting and load differ a little from run to run
        square = (speed_hz / 30) ** 2
        tones = [(speed_hz * order, 0.1 * run * square * structure[axis][order - 1] / order, rng.uniform(0, 6.28))
                 for order in range(1, 6)]
        tones.append((speed_hz * 17, 0.03 * run, rng.uniform(0, 6.28)))
        axial = axis == 2
        if fault == "unbalance":
            tones.append((speed_hz, 0.15 * severity * square * (0.2 if axial else 1), rng.uniform(0, 6.28)))
        elif fault == "bent shaft":
            tones.append((speed_hz, 0.12 * severity * square * (1 if axial else 0.6), rng.uniform(0, 6.28)))
            tones.append((2 * speed_hz, 0.05 * severity * square, rng.uniform(0, 6.28)))
        elif fault == "misalignment":
            tones.append((speed_hz, 0.05 * severity * square * (1 if axial else 0.4), rng.uniform(0, 6.28)))
            tones.append((2 * speed_hz, 0.12 * severity * square * (1 if axial else 0.6), rng.uniform(0, 6.28)))
        signal = _tones(samples, tones)
        noise = 0.05 * run * (speed_hz / 30)
        last = 0.0
        for i in range(samples):
            white = rng.gauss(0, noise)
            last = 0.6 * last + white
            signal[i] += last
        out.append(signal)
    if fault in ORDER:
        _impacts(out, speed_hz, fault, 0.6 * severity * (speed_hz / 30), rng, rings, gains)
    return out


def write_wav(path, channels):
    samples = array.array("f", [0.0]) * (len(channels) * len(channels[0]))
    for i, channel in enumerate(channels):
        samples[i::len(channels)] = array.array("f", channel)
    data = samples.tobytes()
    width = 4 * len(channels)
    header = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + len(data), b"WAVE", b"fmt ", 16, 3, len(channels), RATE,
                         RATE * width, width, 32, b"data", len(data))
    path.write_bytes(header + data)
