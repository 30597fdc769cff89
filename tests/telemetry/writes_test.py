#!/usr/bin/env python3
"""What rules write into the simulated plant, by Modbus: once, read back, within a grant and its interlocks; a gateway
that is killed repeats nothing; the audit log verifies, and shows what somebody changed in it."""
import json
import socket
import struct
import sys
from pathlib import Path

sys.dont_write_bytecode = True
PROJECT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(PROJECT / 'tests' / 'station')]
from gateway import BIN, Gateway, expect, main, run, wait_for  # noqa: E402
from hub import Hub, Programs  # noqa: E402
from rules_test import Plant  # noqa: E402

LEVEL, SETPOINT, MANUAL = 4, 5, 6  # spare registers behind those of two instruments
FAN = 3                            # coil
GRANT = {'rules': ['hot'], 'per_hour_max': 10, 'pause_ms': 1000, 'expires': '2100-01-01T00:00:00Z'}


class Modbus:
    """An operator's panel."""

    def __init__(self, port):
        self.port = port

    def ask(self, function, address, value):
        with socket.create_connection(('127.0.0.1', self.port), timeout=10) as line:
            line.sendall(struct.pack('>HHHBBHH', 1, 0, 6, 1, function, address, value))
            answer = line.recv(300)
        expect(len(answer) > 8 and answer[7] == function, f'{answer}')
        return answer

    def put(self, address, value):
        self.ask(6, address, value)

    def register(self, address):
        return struct.unpack('>H', self.ask(3, address, 1)[9:11])[0]

    def coil(self, address):
        return self.ask(1, address, 1)[9] & 1


def settings(hub, plant):
    place = {'source': 'plc', 'max_silence_ms': 3000}
    return {'uplink': hub.uplink, 'rules': ['rules.yaml'], 'tag_sources': [
                {'name': 'plc', 'kind': 'modbus', 'host': '127.0.0.1', 'port': plant.port, 'period_ms': 100,
                 'timeout_ms': 500, 'reconnect_max_ms': 500}],
            'tags': [{'name': 'level', 'unit': '°C', 'modbus': {'address': LEVEL}, **place},
                     {'name': 'setpoint', 'unit': '°C', 'scale': 0.1, 'modbus': {'address': SETPOINT}, **place},
                     {'name': 'manual', 'modbus': {'address': MANUAL}, **place},
                     {'name': 'fan', 'modbus': {'area': 'coil', 'address': FAN}, **place}],
            'grants': [{'tag': 'setpoint', 'unit': '°C', 'min': 0, 'max': 80, **GRANT},
                       {'tag': 'fan', 'min': 0, 'max': 1, **GRANT}],
            'telemetry': {'block_period_ms': 500}}


def write_rules(work):
    action = {'kind': 'write', 'min': 0, 'interlocks': ['manual == 0'], 'ttl_ms': 10000}
    (work / 'rules.yaml').write_text(json.dumps({'rules': [
        {'name': 'hot', 'asset': 'boiler', 'when': 'level > 80', 'actions': [
            {**action, 'tag': 'setpoint', 'value': '40 °C', 'max': 80},
            {**action, 'tag': 'fan', 'value': 1, 'max': 1, 'back_to': 0, 'back_after_ms': 3000}]}]}))


def told(hub, kind, tag='setpoint'):
    return [event for event in hub.events(kind) if event[1].get('tag') == tag]


def alarms(gateway):
    return [alarm['rule'] for alarm in json.loads(gateway.get('/api/alarms') or '{"alarms": []}')['alarms']
            if alarm['state'] != 'normal']


def reads(gateway):
    tags = json.loads(gateway.get('/api/tags') or '{"tags": []}')['tags']
    return len(tags) == 4 and all(tag['quality'] == 'good' for tag in tags)


def test_writes(hub, panel, gateway):
    wait_for('readings', lambda: reads(gateway))
    panel.put(LEVEL, 90)
    message, evidence, _ = wait_for('word of the write at the hub', lambda: told(hub, 'write.done'))[0]
    expect(message == 'Rule hot wrote 40 °C into setpoint, before it was 0 °C.' and evidence['after'] == '40 °C',
           f'{message} {evidence}')
    expect(panel.register(SETPOINT) == 400, f'{panel.register(SETPOINT)}')
    wait_for('the fan is off again', lambda: len(told(hub, 'write.done', 'fan')) == 2 and panel.coil(FAN) == 0)
    expect(gateway.metric('lineside_writes_done_total') == 3 and gateway.metric('lineside_writes_failed_total') == 0,
           gateway.get('/metrics'))
    return evidence['audit']


def test_kill(hub, panel, gateway):
    """The value is another by now, and nothing may write it again."""
    for number in range(3):
        gateway.process.kill()
        gateway.process.wait()
        if number == 2:  # as if it had not come to keeping the alarm
            (gateway.data_dir / 'rules' / 'alarms.json').unlink()
        panel.put(SETPOINT, 123)
        gateway.start()
        wait_for('readings', lambda: reads(gateway) and 'hot' in alarms(gateway))
    expect(panel.register(SETPOINT) == 123, f'{panel.register(SETPOINT)}')
    expect(gateway.metric('lineside_writes_asked_total') == 0, gateway.get('/metrics'))


def test_interlock(hub, panel, gateway):
    panel.put(LEVEL, 20)
    wait_for('the end of the alarm', lambda: 'hot' not in alarms(gateway))
    panel.put(MANUAL, 1)
    wait_for('manual is read', lambda: [tag['value'] for tag in json.loads(gateway.get('/api/tags'))['tags']
                                        if tag['tag'] == 'manual'] == [1])
    panel.put(LEVEL, 90)
    refused = wait_for('word of the refusal', lambda: told(hub, 'write.refused'))[0]
    expect('interlock `manual == 0`: it is not true' in refused[0], f'{refused}')
    expect(panel.register(SETPOINT) == 123 and panel.coil(FAN) == 0, f'{panel.register(SETPOINT)}')


def test_audit(work, gateway, first):
    audit = [BIN / 'lineside', 'rules', 'audit', '--config', gateway.settings]
    expect('each follows on the one before' in run(*audit, '--expect', first), 'a good log')
    expect('has no line' in run(*audit, '--expect', '99:0000000000000000', code=65), 'a line that is not there')
    entries = [json.loads(line) for line in run(*audit, '--json').splitlines() if line.startswith('{')]
    kinds = [(entry['kind'], entry.get('tag')) for entry in entries]
    expect(kinds[:2] == [('asked', 'setpoint'), ('asked', 'fan')] and kinds.count(('asked', 'setpoint')) == 1 and
           ('refused', 'setpoint') in kinds, f'{kinds}')
    gateway.stop()
    log, = (gateway.data_dir / 'audit').iterdir()
    good = log.read_text()
    log.write_text(good.replace('"value":40.0', '"value":41.0', 1))
    expect(f'{log.name}:1: the audit log was changed here' in run(*audit, code=65), 'somebody changed it')
    log.write_text(good)


def test_no_grant(work, gateway):
    text = json.loads(Path(gateway.settings).read_text())
    text['grants'] = text['grants'][:1]
    Path(gateway.settings).write_text(json.dumps(text))
    for program in [[BIN / 'lineside', 'check', gateway.settings], [BIN / 'lineside-gateway', '--config', gateway.settings]]:
        said = run(*program, code=78)
        expect("rules[0].actions[1].tag: nothing in the gateway's settings lets anybody write 'fan'" in said, said)


def test(work):
    with Programs(work) as programs:
        hub, plant = Hub(work, programs), Plant(work, programs)
        plant.is_as(1)
        panel = Modbus(plant.port)
        write_rules(work)
        with Gateway(work, settings(hub, plant)) as gateway:
            first = test_writes(hub, panel, gateway)
            test_kill(hub, panel, gateway)
            test_interlock(hub, panel, gateway)
            test_audit(work, gateway, first)
            test_no_grant(work, gateway)


if __name__ == '__main__':
    sys.exit(main(test))
