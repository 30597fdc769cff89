"""Readings from end to end by the real programs: instruments -> broker -> gateway (filter, outbox, uplink) -> the hub's
broker with TLS -> the hub's store. The highest rate at which nothing is lost and the hub keeps up, and the broker alone."""
import functools
import json
import subprocess
import time

import figures
from figures import BIN, say
from telemetry_site import Cpu, Gateway, Hub, Programs, memory_mb, plain_broker, stored, wait_for

figure = functools.partial(figures.figure, "telemetry")
GOAL, STEP, RATE_MAX = 100_000, 1.5, 2_000_000
BLOCK_S, LATE_S = 1.0, 3.0
FORMS = {"50_values_a_message": (20, 50), "1_value_a_message": (1000, 1)}  # topics, values


def load(*arguments):
    return json.loads(subprocess.run([BIN / "mqtt_load", *map(str, arguments)], stdout=subprocess.PIPE, text=True,
                                     check=True).stdout)


def broker_alone(work, topics, values, seconds):
    with Programs(work) as programs:
        port = plain_broker(work, programs)
        cpu = Cpu(programs.running)
        result = load("broker", port, topics, values, seconds)
        return round(result["messages"] * values / result["seconds"]), cpu.cores(result["seconds"])


def settings(hub, port, topics, values):
    tags = [{"name": f"plc{topic}/{i}", "source": "plant", "max_error": 0.05,
             "mqtt": {"topic": f"bench/{topic}", "value": f"/v/{i}", "time": "/t"}}
            for topic in range(topics) for i in range(values)]
    return {"uplink": hub.uplink, "telemetry": {"block_period_ms": int(BLOCK_S * 1000)}, "tags": tags,
            "tag_sources": [{"name": "plant", "kind": "mqtt", "host": "127.0.0.1", "port": port}]}


def try_rate(rig, rate, seconds):
    """The figures of one rate, with "held": every reading got to the hub, soon after the last."""
    gateway, hub, port, form, programs = rig
    before, cpu = stored(hub), Cpu(programs)
    result = load("publish", port, *form, rate, seconds)
    end = time.monotonic() + BLOCK_S + LATE_S
    while stored(hub) - before < result["samples"] and time.monotonic() < end:
        time.sleep(0.05)
    late = LATE_S - (end - time.monotonic())
    arrived = stored(hub) - before
    rate_sent = result["samples"] / result["seconds"]
    held = arrived == result["samples"]
    found = {"held": held, "rate": round(rate_sent), "broker_is_full": rate_sent < 0.98 * rate,
             "sent": result["samples"], "stored": arrived,
             "stored_after_s": round(late, 2), "dropped": gateway.metric("lineside_telemetry_dropped_samples_total"),
             **cpu.cores(result["seconds"])}
    say(f"path: {found}")
    if not held:  # what is still on its way must not count for the next rate
        time.sleep(LATE_S)
        last = -1
        while last != (last := stored(hub)):
            time.sleep(BLOCK_S + 1)
    return found


def search(rig, seconds):
    rate, best, failed = 1.02 * GOAL, None, None
    while GOAL / 8 < rate <= RATE_MAX and not (best and failed):
        found = try_rate(rig, round(rate), seconds)
        if found["held"]:
            best, rate = max(best or found, found, key=lambda one: one["rate"]), rate * STEP
            if found["broker_is_full"]:
                break
        else:
            failed, rate = found, rate / STEP
    return best, failed


def end_to_end(work, name, form, seconds):
    alone, cores = broker_alone(work, *form, min(seconds, 5))
    with Programs(work) as programs:
        hub, port = Hub(work, programs), plain_broker(work, programs)
        with Gateway(work, settings(hub, port, *form)) as gateway:
            first = load("publish", port, *form, GOAL / 4, 2)  # everybody is connected, the tags' first plans are made
            wait_for("the first readings at the hub", lambda: stored(hub) == first["samples"])
            running = {"plant_broker": programs.running["plant-broker"], "gateway": gateway.process,
                       "hub_broker": programs.running["broker"], "hub": programs.running["hub"]}
            best, failed = search((gateway, hub, port, form, running), seconds)
            memory = memory_mb(gateway.process)
    best = best or {"rate": 0}
    figure(f"path.{name}.end_to_end", best["rate"], "samples/s", at_least=GOAL,
           **{key: value for key, value in best.items() if key not in ("rate", "held")},
           not_held_at=failed["rate"] if failed else None)
    figure(f"path.{name}.broker_alone", alone, "samples/s", **cores)
    figure(f"path.{name}.of_broker_alone", round(best["rate"] / alone, 3), "share")
    figure(f"path.{name}.gateway_memory", memory, "MB resident")


def measure(work, full):
    for name, form in FORMS.items():
        folder = work / name
        folder.mkdir()
        say(f"path: {name.replace('_', ' ')}")
        end_to_end(folder, name, form, 30 if full else 6)
