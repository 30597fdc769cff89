"""A simulated motor on two rolling bearings with accelerometers, in good order or with one of nine faults at a chosen
severity, and its run to failure. All of it is made up; it is meant to be as hard as a rig is.

What every machine has of its own (fixed by its number): for each axis three or four resonances of the structure, through
which everything that excites it passes (so that a tone grows and shrinks with speed, and impacts ring what they hit), the
sensors' noise floors, residual unbalance and misalignment, blade and tooth counts, the line's hum at 100 Hz, bearing
geometry. What differs from run to run: speed (0.5 %, and 0.15 % of wander in the record), mounting (gain 6 %, axes turned by
a few degrees), load (flow noise 10 %), phases.

Bearing faults: impulses at the defect's passing, modulated by the load zone as McFadden and Smith describe ("Model for the
vibration produced by a single point defect in a rolling element bearing", Journal of Sound and Vibration 96(1), 1984),
with random slip (Antoni and Randall, "A stochastic model for simulation and diagnostics of rolling element bearings with
localized faults", Journal of Vibration and Acoustics 125(3), 2003; Randall and Antoni, "Rolling element bearing
diagnostics: a tutorial", Mechanical Systems and Signal Processing 25(2), 2011). Unbalance: a force at the first order that
grows with the square of the speed. Bent shaft: first and second order, axial. Misalignment: second order, axial strongest.
Looseness: a row of harmonics and halves. Gear: mesh with sidebands of the shaft. Electrical: twice the line's frequency
with sidebands of the slip. Cavitation: bursts of broadband noise.
Severity 1: the fault's force is about what an alarm by velocity or peak would notice; 0.3 and 0.12 are early ones.
"""
import array
import cmath
import math
import random
import struct

FAULTS = ("unbalance", "bent shaft", "misalignment", "outer race", "inner race", "ball")
MORE_FAULTS = ("looseness", "gear", "electrical", "cavitation")
LINE_HZ = 50.0


class Machine:
    def __init__(self, number, rate=20_000, axes=3):
        rng = random.Random(f"machine {number}")
        self.number, self.rate, self.axes = number, rate, axes
        self.resonances = [[(rng.uniform(*span) * rate / 20_000, rng.uniform(0.015, 0.06), rng.uniform(0.4, 1.2))
                            for span in ((90, 260), (500, 1500), (2200, 4200), (4500, 8200))[rng.choice((0, 0, 1)):]]
                           for _ in range(axes)]
        self.residual = [[rng.uniform(0.25, 1.0) * share for share in (1.0, 0.5, 0.3, 0.15, 0.1)] for _ in range(axes)]
        self.axial = axes - 1
        self.floor = [rng.uniform(0.006, 0.03) for _ in range(axes)]
        self.flow = rng.uniform(0.03, 0.09)
        self.hum = [rng.uniform(0.0, 0.03) for _ in range(axes)]
        self.teeth, self.blades = rng.choice((17, 19, 23, 29, 31)), rng.choice((4, 5, 6, 7))
        self.mesh, self.blade = rng.uniform(0.01, 0.06), rng.uniform(0.005, 0.04)
        self.side = [rng.uniform(0.4, 1.0) for _ in range(axes)]
        balls, ratio = rng.choice((7, 8, 9, 11, 13)), rng.uniform(0.18, 0.27)
        self.order = {"outer race": balls / 2 * (1 - ratio), "inner race": balls / 2 * (1 + ratio),
                      "ball": (1 - ratio * ratio) / ratio, "cage": 0.5 * (1 - ratio)}

    def response(self, axis, hz):
        """Of the structure, complex: 1 at low frequencies, peaks at the resonances."""
        total = 1 + 0j
        for f0, damping, gain in self.resonances[axis]:
            r = hz / f0
            total += gain * (r * r) / complex(1 - r * r, 2 * damping * r)
        return total


def _add_tone(out, rate, hz, amplitude, phase, wander):
    w, sin = 2 * math.pi * hz / rate, math.sin
    out[:] = [v + amplitude * sin(w * i + phase + hz * d) for v, i, d in zip(out, range(len(out)), wander)]


def _resonate(x, rate, f0, damping, gain):
    """Two-pole band-pass with unit peak."""
    w = 2 * math.pi * f0 / rate
    r = math.exp(-damping * w)
    a1, a2, b = 2 * r * math.cos(w), -r * r, (1 - r * r) * gain
    y1 = y2 = 0.0
    out = []
    append = out.append
    for v in x:
        y = b * v + a1 * y1 + a2 * y2
        y2, y1 = y1, y
        append(y)
    return out


def _wander(samples, rate, rng):
    """Turns by which a shaft of 1 Hz runs ahead, in radians: slow sines."""
    f, a, p = rng.uniform(0.3, 1.2), 0.0015, rng.uniform(0, 6.28)
    scale = a / f
    return [scale * (math.sin(2 * math.pi * f * i / rate + p) - math.sin(p)) for i in range(samples)]


def _impacts(machine, samples, speed_hz, fault, strength, rng):
    rate, order = machine.rate, machine.order
    modulation = {"outer race": 0.0, "inner race": speed_hz, "ball": order["cage"] * speed_hz}[fault]
    period, phase, force = rate / (order[fault] * speed_hz), rng.uniform(0, 6.28), [0.0] * samples
    at = rng.uniform(0, period)
    while at < samples - 2:
        load = 1.0 if not modulation else max(0.0, 0.3 + 0.7 * math.cos(2 * math.pi * modulation * at / rate + phase))
        start, hit = int(at), strength * load * rng.uniform(0.7, 1.3)
        force[start] += hit * (1 - at + start)
        force[start + 1] += hit * (at - start)
        at += period * (1 + 0.012 * rng.gauss(0, 1))
    return force


def _bursts(samples, rate, strength, rng):
    force, at = [0.0] * samples, 0
    while at < samples:
        length = int(rate * rng.uniform(0.0005, 0.004))
        hit = strength * rng.expovariate(1)
        for i in range(at, min(samples, at + length)):
            force[i] += hit * rng.gauss(0, 1)
        at += length + int(rate * rng.expovariate(150))
    return force


def _fault_tones(machine, axis, fault, severity, speed_hz, square):
    """(Hz, amplitude, moves with the shaft)"""
    radial = 0.25 if axis == machine.axial else machine.side[axis]
    axial = 1.0 if axis == machine.axial else 0.4 * machine.side[axis]
    if fault == "unbalance":
        return [(speed_hz, 0.35 * severity * square * radial)]
    if fault == "bent shaft":
        return [(speed_hz, 0.25 * severity * square * axial), (2 * speed_hz, 0.08 * severity * square * axial)]
    if fault == "misalignment":
        return [(speed_hz, 0.08 * severity * square * axial), (2 * speed_hz, 0.25 * severity * square * axial),
                (3 * speed_hz, 0.06 * severity * square * radial)]
    if fault == "looseness":
        return [(k / 2 * speed_hz, 0.12 * severity * square * machine.side[axis] / (1 + 0.15 * k)) for k in range(1, 17)]
    if fault == "gear":
        mesh = machine.teeth * speed_hz
        return [(mesh + k * speed_hz, 0.15 * severity / (1 + abs(k))) for k in (-3, -2, -1, 0, 1, 2, 3)]
    if fault == "electrical":
        slip = 2 * max(0.2, LINE_HZ - speed_hz * round(LINE_HZ / speed_hz)) % 5
        return [(2 * LINE_HZ, 0.15 * severity), (2 * LINE_HZ - slip, 0.05 * severity), (2 * LINE_HZ + slip, 0.05 * severity)]
    return []


def record(machine, run, speed_hz, fault=None, severity=1.0, seconds=2.0, ageing=0.0):
    """A list of samples per axis. `run` names the run; `ageing` is a slow change that is no fault (0 to 1)."""
    rng, rate = random.Random(f"{machine.number} {run}"), machine.rate
    samples = int(seconds * rate)
    speed_hz *= 1 + 0.005 * rng.gauss(0, 1)
    wander = _wander(samples, rate, rng)
    square, linear = (speed_hz / 30) ** 2, speed_hz / 30
    flow = machine.flow * linear * (1 + 0.1 * rng.gauss(0, 1)) * (1 + 0.15 * ageing)
    force = [rng.gauss(0, flow) for _ in range(samples)]  # what the machine itself excites, everywhere
    hits = None
    if fault in machine.order:
        hits = _impacts(machine, samples, speed_hz, fault, 2.5 * severity * linear, rng)
    elif fault == "cavitation":
        hits = _bursts(samples, rate, 0.6 * severity, rng)
    phases = [rng.uniform(0, 6.28) for _ in range(8)]
    out = []
    for axis in range(machine.axes):
        load = 1 + 0.06 * rng.gauss(0, 1)
        signal = [rng.gauss(0, machine.floor[axis]) for _ in range(samples)]
        tones = [(speed_hz * (k + 1), 0.06 * load * share * (square if k < 2 else linear), phases[k])
                 for k, share in enumerate(machine.residual[axis])]
        tones += [(speed_hz * machine.blades, machine.blade * load * linear, phases[5]),
                  (speed_hz * machine.teeth, machine.mesh * load * linear, phases[6])]
        tones += [(hz, a, phases[7]) for hz, a in _fault_tones(machine, axis, fault, severity, speed_hz, square)]
        for hz, amplitude, phase in tones:
            h = machine.response(axis, hz)
            _add_tone(signal, rate, hz, amplitude * abs(h), phase + cmath.phase(h), wander)
        _add_tone(signal, rate, 2 * LINE_HZ, machine.hum[axis], rng.uniform(0, 6.28), [0.0] * samples)
        excited = force if hits is None else [a + machine.side[axis] * b for a, b in zip(force, hits)]
        for f0, damping, gain in machine.resonances[axis]:
            warm = f0 * (1 - 0.01 * ageing) * (1 + 0.002 * rng.gauss(0, 1))
            signal = [a + b for a, b in zip(signal, _resonate(excited, rate, warm, damping, gain * 3))]
        out.append(signal)
    return _mounted(out, rng)


def _mounted(channels, rng):
    """Gains, and axes turned by a few degrees, as the sensor sits this time."""
    gains = [1 + 0.06 * rng.gauss(0, 1) for _ in channels]
    if len(channels) > 1:
        angle = math.radians(3 * rng.gauss(0, 1))
        c, s = math.cos(angle), math.sin(angle)
        a, b = channels[0], channels[1]
        channels = [[c * x + s * y for x, y in zip(a, b)], [c * y - s * x for x, y in zip(a, b)], *channels[2:]]
    return [[gain * v for v in channel] for gain, channel in zip(gains, channels)]


def run_to_failure(machine, fault, records=80, seconds=0.64, speed_hz=35.0, onset=0.6):
    """Yields (number, channels, severity): slow ageing all along, the fault from `onset` of its life on, growing
    exponentially from nothing to three times plain."""
    for number in range(records):
        life = number / (records - 1)
        severity = 0.0 if life < onset else 0.05 * (60 ** ((life - onset) / (1 - onset)) - 1) + 0.02
        channels = record(machine, f"life {fault} {number}", speed_hz, fault if severity else None, severity, seconds,
                          ageing=life)
        yield number, channels, severity


def write_wav(path, channels, rate):
    samples = array.array("f", [0.0]) * (len(channels) * len(channels[0]))
    for i, channel in enumerate(channels):
        samples[i::len(channels)] = array.array("f", channel)
    data = samples.tobytes()
    width = 4 * len(channels)
    header = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + len(data), b"WAVE", b"fmt ", 16, 3, len(channels), rate,
                         rate * width, width, 32, b"data", len(data))
    path.write_bytes(header + data)
