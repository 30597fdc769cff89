"""100,000 tags of the plant's OPC UA server, each changing every second, into the filter and the outbox of a gateway."""
import functools
import json
import time

import figures
from figures import BIN, say
from telemetry_site import Cpu, Gateway, Programs, free_port, memory_mb, wait_for

figure = functools.partial(figures.figure, "telemetry")
TAGS, PERIOD_S, SETTLE_S = 100_000, 1.0, 240
BLOCKS_S = 65  # two default periods of blocks, so that their coding counts
SHARE = 0.98  # of all values: a plant that takes longer than its period for a round says so
NAMES = ("temperature", "pressure", "flow", "state", "counter")


def settings(port):
    tags = [{"name": f"plant/{i}", "source": "plant", "max_error": 0.1,
             "opcua": {"node": f"ns=1;s={NAMES[i % len(NAMES)]}{i}"}} for i in range(TAGS)]
    return {"telemetry": {"queue_samples": 4 * TAGS}, "tags": tags,
            "tag_sources": [{"name": "plant", "kind": "opcua",
                             "opcua": {"endpoint": f"opc.tcp://127.0.0.1:{port}", "sampling_ms": 0,  # each change
                                       "publishing_ms": int(PERIOD_S * 500), "queue": 10}}]}


def measure(work, full):
    port, seconds = free_port(), 2 * BLOCKS_S if full else BLOCKS_S
    (work / "plant.yaml").write_text(json.dumps(
        {"instruments": {"count": TAGS, "period_ms": int(PERIOD_S * 1000), "always_new": True,
                         "opcua_port": port}}))
    with Programs(work) as programs:
        plant = programs.start("plant", BIN / "lineside-plant", "--config", work / "plant.yaml")
        time.sleep(5)  # it makes a node of each at its first value
        began = time.monotonic()
        with Gateway(work, settings(port)) as gateway:
            def count(name, **labels):
                return gateway.metric(f"lineside_{name}_total", **labels)
            wait_for("first values of all tags", lambda: count("telemetry_samples") >= TAGS, SETTLE_S)
            say(f"opcua: all tags are there after {time.monotonic() - began:.1f} s")
            figure("opcua.all_tags_subscribed", round(time.monotonic() - began, 1), "s", tags=TAGS)
            time.sleep(5)
            before = {name: count(name) for name in ("telemetry_samples", "tag_lost", "telemetry_dropped_samples",
                                                     "telemetry_lost_samples")}
            cpu, began = Cpu({"gateway": gateway.process, "plant": plant}), time.monotonic()
            time.sleep(seconds)
            took = time.monotonic() - began
            cores = cpu.cores(took)
            now = {name: count(name) - was for name, was in before.items()}
            figure("opcua.samples", round(now.pop("telemetry_samples") / took), "samples/s",
                   at_least=round(SHARE * TAGS / PERIOD_S), tags=TAGS, **cores)
            figure("opcua.lost", sum(now.values()), "samples", limit=0, **now)
            figure("opcua.gateway_cores", cores["cores_gateway"], "cores")
            figure("opcua.gateway_memory", memory_mb(gateway.process), "MB resident",
                   highest=memory_mb(gateway.process, "VmHWM"), plant=memory_mb(plant))
