"""Alarms beside the backlog of a day over a bad link: a relay between gateway and broker that carries 50 kbit/s each way,
each byte 0.5 s late, and now and then nothing for 2 s. Real programs; TLS, TCP's buffers and acknowledgements count."""
import functools
import json
import sqlite3
import subprocess
import threading
import time

import figures
from figures import BIN, say
from telemetry_site import Gateway, Hub, Programs, SlowLink, plain_broker, wait_for

figure = functools.partial(figures.figure, "telemetry")
BYTES_PER_S, DELAY_S = 50_000 / 8, 0.5
STALL_S, STALL_EVERY_S = 2.0, 20.0
TAGS, HOURS = 100, 24
ALARM_EVERY_S, LIMIT, HIGH = 0.5, 80, 95
AGE_MAX_S, LAST_S = 5.0, 10.0


def settings(hub, port, link, alarms):
    """A tag for each alarm: one that goes back and forth is damped."""
    tags = [{"name": f"boiler/{i}", "source": "plant", "high": LIMIT,
             "mqtt": {"topic": "boiler", "value": f"/{i}", "optional": True}} for i in range(alarms)]
    return {"uplink": hub.uplink | {"port": link.port}, "tags": tags,
            "tag_sources": [{"name": "plant", "kind": "mqtt", "host": "127.0.0.1", "port": port}]}


class Alarms(threading.Thread):
    """Values over a limit, and when the hub had the event of each, as seen from outside."""

    def __init__(self, programs, port, hub):
        super().__init__(daemon=True)
        self.database_file = hub.data / "hub.db"
        self.plant = programs.start("boiler", "mosquitto_pub", "-p", port, "-t", "boiler", "-l", text=True,
                                    stdin=subprocess.PIPE)
        self.made, self.ages, self.making, self.stopping = 0, [], threading.Event(), threading.Event()

    def say(self, message):
        self.plant.stdin.write(json.dumps(message) + "\n")
        self.plant.stdin.flush()

    def run(self):
        database = sqlite3.connect(f"file:{self.database_file}?mode=ro", uri=True, timeout=10)
        seen, due = 0, time.monotonic()
        while not self.stopping.wait(0.02):
            if self.making.is_set() and time.monotonic() > due:
                due += ALARM_EVERY_S
                self.say({str(self.made): HIGH})
                self.made += 1
            rows = database.execute("SELECT sequence, time_ns FROM event WHERE sequence > ? AND type = 'tag.high' "
                                    "ORDER BY sequence", (seen,)).fetchall()
            now = time.time()
            for seen, time_ns in rows:
                self.ages.append(now - time_ns / 1e9)
        database.close()


class Weather(threading.Thread):
    """Stalls of the link."""

    def __init__(self, link):
        super().__init__(daemon=True)
        self.link, self.stalls, self.stopping = link, 0, threading.Event()

    def run(self):
        while not self.stopping.wait(STALL_EVERY_S - STALL_S):
            self.link.stall()
            self.stopping.wait(STALL_S)
            self.link.go_on()
            self.stalls += 1


def percentile(ages, share):
    return sorted(ages)[min(len(ages) - 1, int(len(ages) * share))]


def day(work, hours):
    said = subprocess.run([BIN / "telemetry_backlog", work / "data" / "outbox", str(TAGS), str(hours)], check=True,
                          stdout=subprocess.PIPE, text=True)
    return json.loads(said.stdout)


def run(work, hours, seconds):
    work.mkdir()
    backlog = day(work, hours) if hours else {"records": 0, "bytes": 0}
    with Programs(work) as programs:
        hub, port = Hub(work, programs), plain_broker(work, programs)
        with SlowLink(hub.broker_port, BYTES_PER_S, DELAY_S) as link, \
                Gateway(work, settings(hub, port, link, int(seconds / ALARM_EVERY_S) + 10)) as gateway:
            wait_for("the hub", lambda: gateway.metric("lineside_uplink_acks_total") > 0, 60)
            alarms = Alarms(programs, port, hub)
            alarms.say({"nothing": 0})
            wait_for("the plant", lambda: gateway.metric("lineside_tag_messages_total") > 0)
            waiting = lambda what: gateway.metric(f"lineside_outbox_{what}", lane="bulk")  # noqa: E731
            weather = Weather(link)
            before, carried, began = waiting("records"), link.up_bytes, time.monotonic()
            alarms.making.set()
            alarms.start()
            weather.start()
            while time.monotonic() - began < seconds and (not hours or waiting("records") > 0):
                time.sleep(0.5)
            after, took = waiting("records"), time.monotonic() - began
            carried = link.up_bytes - carried
            weather.stopping.set()
            weather.join()
            alarms.making.clear()
            end = time.monotonic() + LAST_S
            while len(alarms.ages) < alarms.made and time.monotonic() < end:
                time.sleep(0.1)
            alarms.stopping.set()
            alarms.join()
            repeated = gateway.metric("lineside_uplink_repeated_batches_total")
    return {"ages": alarms.ages, "alarms": alarms.made, "before": before, "after": after, "seconds": took,
            "carried": carried, "stalls": weather.stalls, "repeated": repeated, **backlog}


def measure(work, full):
    seconds = 150 if full else 60
    say("link: alarms alone")
    alone = run(work / "alone", 0, 30)
    say(f"link: alarms beside the backlog of {HOURS} hours")
    found = run(work / "backlog", HOURS, seconds)
    figure("link.urgent_age_p99", round(percentile(found["ages"], 0.99), 2), "s", limit=AGE_MAX_S,
           events=len(found["ages"]), p50=round(percentile(found["ages"], 0.5), 2), max=round(max(found["ages"]), 2),
           stalls=found["stalls"], baseline_p99_without_backlog=round(percentile(alone["ages"], 0.99), 2))
    figure("link.urgent_missing", found["alarms"] - len(found["ages"]), "events", limit=0, of=found["alarms"])
    figure("link.backlog_records_gone", round(found["before"] - found["after"]), "records", at_least=1,
           of=round(found["before"]), backlog_bytes=found["bytes"], backlog_samples=found["samples"],
           seconds=round(found["seconds"], 1))
    figure("link.carried", round(found["carried"] / found["seconds"]), "bytes/s up, TLS records and repeats counted",
           of=BYTES_PER_S, repeated_batches=found["repeated"])
