#!/usr/bin/env python3
"""The hub's page in headless Chromium, fed by two gateways with made-up stations over a real broker.

Signs in, sees counts move, looks at light, dark and phone, and fails on anything in the browser's console. Screenshots:
screenshots/ in the build folder.
"""
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get('LINESIDE_BUILD_DIR', PROJECT / 'build' / 'release'))
BIN = Path(os.environ.get('LINESIDE_BIN_DIR', BUILD / 'bin'))
PASSWORD = 'a password for this test only'


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


def run(*command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=120)
    if done.returncode != 0:
        raise SystemExit(f'{" ".join(map(str, command))} failed:\n{done.stdout}{done.stderr}')


def wait_for(what, ready, seconds=30):
    end = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > end:
            raise SystemExit(f'{what}: not ready after {seconds} s')
        time.sleep(0.1)


def listening(port):
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(('127.0.0.1', port)) == 0


def healthy(url):
    try:
        with urllib.request.urlopen(url + 'healthz', timeout=2) as answer:
            return b'"ok"' in answer.read()
    except OSError:
        return False


def main():
    programs = []
    with tempfile.TemporaryDirectory(prefix='lineside-web-') as folder:
        work = Path(folder)
        hub, broker_port, page_port = work / 'hub', free_port(), free_port()
        url = f'http://127.0.0.1:{page_port}/'
        (work / 'password').write_text(PASSWORD + '\n')
        run(BIN / 'lineside-hub', 'init', '--data', hub, '--broker-port', broker_port, '--http-port', page_port,
            '--admin-password-file', work / 'password')
        for gateway in ('filling', 'packing'):
            run(BIN / 'lineside-hub', 'enroll', '--data', hub, '--gateway', gateway, '--out', work / gateway)
        run(BIN / 'lineside-plant', 'draw', '--out', work / 'pictures', '--count', 24, '--seed', 3)
        settings = hub / 'mosquitto.conf'
        if os.geteuid() == 0:  # it would become a user who can't read the keys
            settings.write_text(settings.read_text() + 'user root\n')

        def start(name, *command):
            log = open(work / f'{name}.log', 'wb')
            programs.append(subprocess.Popen([str(part) for part in command], stdout=log, stderr=log))

        try:
            start('broker', 'mosquitto', '-c', settings)
            wait_for('the broker', lambda: listening(broker_port))
            start('hub', BIN / 'lineside-hub', 'serve', '--config', hub / 'hub.yaml')
            wait_for('the hub', lambda: healthy(url))
            start('feeder', BIN / 'web_feeder', work, broker_port, work / 'pictures')
            looked = subprocess.run(['node', PROJECT / 'tests' / 'web' / 'page.mjs', url, PASSWORD,
                                     BUILD / 'screenshots', PROJECT / 'web' / 'package.json'], timeout=400)
            if looked.returncode != 0:
                for log in sorted(work.glob('*.log')):
                    print(f'--- {log.name}\n{log.read_text(errors="replace")[-2000:]}')
            return looked.returncode
        finally:
            for program in reversed(programs):
                program.terminate()
            for program in programs:
                try:
                    program.wait(10)
                except subprocess.TimeoutExpired:
                    program.kill()


if __name__ == '__main__':
    sys.exit(main())
