"""A real gateway with replay cameras, its settings, and what it says and leaves: for tests."""
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from pathlib import Path

sys.dont_write_bytecode = True
PROJECT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT / 'tools' / 'demo'))
from report import read_ledger  # noqa: E402

BIN = Path(os.environ.get('LINESIDE_BIN_DIR', PROJECT / 'build' / 'release' / 'bin'))
# Slower under a sanitizer (tests/CMakeLists.txt says which): these tests are about what happens to each item, and a model
# that does not keep up would be another matter.
RATE_HZ = 10 if os.environ.get('LINESIDE_SANITIZE') else 50


class Failure(Exception):
    pass


def expect(condition, text):
    if not condition:
        raise Failure(text)


def wait_for(what, ready, seconds=30):
    end = time.monotonic() + seconds
    while not (answer := ready()):
        if time.monotonic() > end:
            raise Failure(f'{what}: not within {seconds} s')
        time.sleep(0.05)
    return answer


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


def run(*command, code=0):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=120)
    expect(done.returncode == code,
           f'{" ".join(map(str, command))}: exit code {done.returncode}, not {code}\n{done.stdout}{done.stderr}')
    return done.stdout + done.stderr


def draw_pictures(folder, count=12):
    run(BIN / 'lineside-plant', 'draw', '--out', folder, '--count', count, '--seed', 3, '--width', 160, '--height', 120,
        '--series')


def make_bundles(folder):
    folder.mkdir(parents=True, exist_ok=True)
    run(BIN / 'station_bundles', folder)


def put_in_place(bundle, path):
    """As a careful installer does it: whole or not at all."""
    beside = path.with_suffix('.new')
    shutil.copyfile(bundle, beside)
    beside.rename(path)


class Gateway:
    """Settings are a dictionary as the YAML has it; data_dir and the local port are filled in. A context manager."""

    def __init__(self, work, settings, data_dir=None):
        self.work = work
        self.data_dir = Path(data_dir or work / 'data')
        self.port = free_port()
        self.settings = work / 'gateway.yaml'
        self.settings.write_text(json.dumps(
            {'gateway': 'g1', 'data_dir': str(self.data_dir), 'local': {'port': self.port}} | settings))
        self.log = work / 'gateway.log'
        self.process = None

    def start(self):
        with open(self.log, 'ab') as log:
            self.process = subprocess.Popen([BIN / 'lineside-gateway', '--config', self.settings], stdout=log, stderr=log)
        wait_for('the gateway answers', lambda: self.alive() and self.get('/healthz') is not None)
        return self

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def alive(self):
        expect(self.process.poll() is None,
               f'the gateway ended by itself, code {self.process.returncode}:\n{self.log.read_text()[-2000:]}')
        return True

    def stop(self):
        self.process.terminate()
        code = self.process.wait(20)
        expect(code == 0, f'the gateway ended with code {code}')

    def get(self, path):
        try:
            with urllib.request.urlopen(f'http://127.0.0.1:{self.port}{path}', timeout=3) as answer:
                return answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.read().decode()
        except OSError:
            return None

    def station(self, name):
        self.alive()
        stations = json.loads(self.get('/api/stations') or '{"stations": []}')['stations']
        return next((s for s in stations if s['name'] == name), None)

    def metric(self, name, **labels):
        """The sum of the metric's values with these labels."""
        total = 0.0
        for line in (self.get('/metrics') or '').splitlines():
            found = re.match(r'(\w+)(?:\{(.*)\})? (\S+)$', line)
            if found and found[1] == name:
                has = dict(re.findall(r'(\w+)="([^"]*)"', found[2] or ''))
                total += float(found[3]) if labels.items() <= has.items() else 0
        return total

    def items_pass(self, station, count, seconds=30):
        """Waits until so many more items got their verdicts."""
        goal = wait_for(station, lambda: self.station(station))['items'] + count
        wait_for(f'{count} items of {station}', lambda: self.station(station)['items'] >= goal, seconds)

    def records(self):
        """What lies in the outbox, as `lineside outbox export` gives it."""
        out = self.work / 'records.jsonl'
        run(BIN / 'lineside', 'outbox', 'export', self.data_dir / 'outbox', '--out', out)
        return [json.loads(line) for line in out.read_text().splitlines()]

    def events(self, station=None):
        """[(type, error code or '', message)] in order."""
        return [(r['type'], r['evidence'].get('error', ''), r['message'])
                for r in self.records() if r['kind'] == 'event' and station in (None, r['asset'])]

    def ledger(self, station):
        return read_ledger(self.data_dir / 'ledger' / station)


def folder_camera(name, path, **more):
    return {'name': name, 'kind': 'folder', 'path': str(path), 'rate_hz': RATE_HZ} | more


def station(name, bundle, **more):
    # A long deadline: these tests are not about speed, and must hold under sanitizers too.
    return {'name': name, 'cameras': [name], 'bundle': str(bundle), 'deadline_ms': 1000} | more


def expect_no_gap(ledger, name):
    """One line for each item, from 1 on."""
    numbers = [row['item'] for row in ledger]
    expect(numbers == list(range(1, len(numbers) + 1)),
           f'{name}: {len(numbers)} lines for the items {numbers[:1]}..{numbers[-1:]}')


def reasons(ledger):
    return Counter(row['reason'] for row in ledger)


def main(test):
    """Runs test(work folder) and says how it went; the folder's logs are shown if it failed."""
    import tempfile
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix='lineside-station-') as folder:
        try:
            test(Path(folder))
        except Failure as failure:
            print('FAILED', failure)
            for log in sorted(Path(folder).rglob('*.log')):
                print(f'--- {log.name}\n{log.read_text(errors="replace")[-3000:]}')
            return 1
    print(f'passed in {time.monotonic() - began:.0f} s')
    return 0
