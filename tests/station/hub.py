"""A hub with its broker, for tests of a gateway that has one."""
import json
import os
import socket
import sqlite3
import subprocess

from gateway import BIN, free_port, run, wait_for


def listening(port):
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(('127.0.0.1', port)) == 0


class Programs:
    """Started programs by name; none is left behind."""

    def __init__(self, work):
        self.work, self.running = work, {}

    def start(self, name, *command, **more):
        log = open(self.work / f'{name}.log', 'ab')
        self.running[name] = subprocess.Popen([str(part) for part in command], stdout=log, stderr=log, **more)
        return self.running[name]

    def stop(self, name, seconds=20):
        program = self.running.pop(name)
        program.terminate()
        try:
            program.wait(seconds)
        except subprocess.TimeoutExpired:
            program.kill()
            program.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for name in reversed(list(self.running)):
            self.stop(name, 5)


class Hub:
    def __init__(self, work, programs):
        self.data, self.programs, self.broker_port = work / 'hub', programs, free_port()
        run(BIN / 'lineside-hub', 'init', '--data', self.data, '--broker-port', self.broker_port, '--http-port',
            free_port())
        run(BIN / 'lineside-hub', 'enroll', '--data', self.data, '--gateway', 'g1', '--out', work / 'enrolled')
        self.broker_config = self.data / 'mosquitto.conf'
        if os.geteuid() == 0:  # it would become a user who can't read the keys
            self.broker_config.write_text(self.broker_config.read_text() + 'user root\n')
        self.uplink = {'enabled': True, 'port': self.broker_port, 'ca_file': str(work / 'enrolled' / 'ca.crt'),
                       'cert_file': str(work / 'enrolled' / 'gateway.crt'),
                       'key_file': str(work / 'enrolled' / 'gateway.key'), 'reconnect_max_ms': 1000}
        self.link_up()
        programs.start('hub', BIN / 'lineside-hub', 'serve', '--config', self.data / 'hub.yaml')

    def link_up(self):
        self.programs.start('broker', 'mosquitto', '-c', self.broker_config)
        wait_for('the broker', lambda: listening(self.broker_port))

    def link_down(self):
        self.programs.stop('broker')

    def events(self, kind):
        db = sqlite3.connect(f'file:{self.data / "hub.db"}?mode=ro', uri=True, timeout=10)
        rows = db.execute('SELECT message, evidence_json, severity FROM event WHERE type = ? ORDER BY time_ns',
                          (kind,)).fetchall()
        db.close()
        return [(message, json.loads(evidence), severity) for message, evidence, severity in rows]
