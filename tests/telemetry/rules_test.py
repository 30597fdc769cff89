#!/usr/bin/env python3
"""Rules over the simulated plant's instruments: an alarm is raised and cleared at the hub, each once, although the
gateway is killed in between; what can't be read is told and clears nothing; a person acknowledges; a mistake in the
rules is a mistake in the settings."""
import json
import subprocess
import sys
from pathlib import Path

sys.dont_write_bytecode = True
PROJECT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(PROJECT / 'tests' / 'station')]
from gateway import BIN, Gateway, expect, free_port, main, run, wait_for  # noqa: E402
from hub import Hub, Programs  # noqa: E402

TEMPERATURE = 'plc/temperature'


class Plant:
    """Instruments whose values the seed decides."""

    def __init__(self, work, programs):
        self.work, self.programs, self.port, self.process = work, programs, free_port(), None

    def is_gone(self):
        if self.process:
            self.programs.stop('plant')
        self.process = None

    def is_as(self, seed):
        self.is_gone()
        (self.work / 'plant.yaml').write_text(json.dumps({'seed': seed, 'instruments': {
            'count': 2, 'period_ms': 100, 'modbus_port': self.port}}))
        self.process = self.programs.start('plant', BIN / 'lineside-plant', '--config', self.work / 'plant.yaml',
                                           '--orders', stdin=subprocess.PIPE)

    def order(self, text):
        self.process.stdin.write((text + '\n').encode())
        self.process.stdin.flush()


def settings(hub, plant):
    return {'uplink': hub.uplink, 'rules': ['rules.yaml'], 'tag_sources': [
                {'name': 'plc', 'kind': 'modbus', 'host': '127.0.0.1', 'port': plant.port, 'period_ms': 100,
                 'timeout_ms': 500, 'reconnect_max_ms': 500}],
            'tags': [{'name': TEMPERATURE, 'source': 'plc', 'unit': '°C', 'modbus': {'address': 0, 'type': 'float32'}}],
            'telemetry': {'block_period_ms': 500}}


def write_rules(work, limit):
    when = f'{TEMPERATURE} > {limit} °C for 1 s'
    (work / 'rules.yaml').write_text(json.dumps({'rules': [
        {'name': 'hot', 'asset': 'boiler', 'when': when, 'severity': 'high', 'unknown_after_ms': 2000,
         'message': f'Water at {{{TEMPERATURE}}}'},
        {'name': 'was-hot', 'when': when, 'latching': True, 'unknown_after_ms': 600000}]}))


def temperature(gateway):
    tag = json.loads(gateway.get('/api/tags') or '{"tags": [{"quality": null}]}')['tags'][0]
    return tag['value'] if tag['quality'] == 'good' else None


def alarms(gateway):
    shown = json.loads(gateway.get('/api/alarms') or '{"alarms": []}')['alarms']
    return {alarm['rule']: alarm for alarm in shown if alarm['state'] != 'normal'}


def told(hub, kind, rule):
    return [event for event in hub.events(kind) if event[1]['rule'] == rule]


def find_seeds(plant, gateway):
    """Of a cold and of a hot plant, and the limit between."""
    values = {}
    for seed in range(1, 12):
        plant.is_gone()
        wait_for('a plant that is gone', lambda: temperature(gateway) is None)
        plant.is_as(seed)
        values[seed] = wait_for(f'a reading of plant {seed}', lambda: temperature(gateway))
        cold, hot = min(values, key=values.get), max(values, key=values.get)
        if values[hot] - values[cold] > 40:
            return cold, hot, round((values[hot] + values[cold]) / 2)
    raise AssertionError(f'no plants that differ: {values}')


def test_alarm(hub, plant, gateway, cold, hot):
    wait_for('readings', lambda: temperature(gateway))
    expect(not alarms(gateway), f'{alarms(gateway)}')
    plant.is_as(hot)
    wait_for('the alarm at the gateway', lambda: 'hot' in alarms(gateway))
    message, evidence, severity = wait_for('the alarm at the hub', lambda: told(hub, 'alarm.raised', 'hot'))[0]
    expect(message.startswith('Water at ') and message.endswith(' °C') and severity >= 3 and TEMPERATURE in evidence,
           f'{message} {evidence} {severity}')
    raised = alarms(gateway)['hot']
    wait_for('the alarm is kept', lambda: 'hot' in (gateway.data_dir / 'rules' / 'alarms.json').read_text())
    gateway.process.kill()
    gateway.process.wait()
    gateway.start()
    wait_for('it is known again', lambda: alarms(gateway).get('hot', {}).get('known'))
    expect(alarms(gateway)['hot']['since'] == raised['since'], f'{alarms(gateway)} was {raised}')
    gateway.process.kill()
    gateway.process.wait()
    plant.is_as(cold)
    gateway.start()
    wait_for('the end of the alarm at the hub', lambda: told(hub, 'alarm.cleared', 'hot'))
    expect('hot' not in alarms(gateway) and len(told(hub, 'alarm.raised', 'hot')) == 1,
           f'{alarms(gateway)} {hub.events("alarm.raised")}')


def test_acknowledge(work, hub, gateway):
    expect(alarms(gateway)['was-hot']['state'] == 'latched', f'{alarms(gateway)}')
    run(BIN / 'lineside', 'rules', 'acknowledge', 'was-hot', '--config', gateway.settings, '--by', 'anna')
    wait_for('the latched alarm goes', lambda: not alarms(gateway))
    cleared, = wait_for('the hub hears of it', lambda: told(hub, 'alarm.cleared', 'was-hot'))
    expect(cleared[1]['by'] == 'anna', f'{cleared}')
    run(BIN / 'lineside', 'rules', 'acknowledge', 'other', '--config', gateway.settings, '--by', 'anna', code=66)


def test_unknown(hub, plant, gateway, hot):
    plant.is_as(hot)
    wait_for('the alarm again', lambda: 'hot' in alarms(gateway))
    cleared = len(told(hub, 'alarm.cleared', 'hot'))
    plant.order('instruments garbage')
    message = wait_for('word that nothing is known', lambda: told(hub, 'rule.unknown', 'hot'))[-1][0]
    expect('is bad' in message, message)
    expect('hot' in alarms(gateway) and not alarms(gateway)['hot']['known'], f'{alarms(gateway)}')
    plant.order('instruments ok')
    wait_for('word that it is known', lambda: told(hub, 'rule.known', 'hot'))
    expect(len(told(hub, 'alarm.cleared', 'hot')) == cleared and 'hot' in alarms(gateway), 'cleared by bad readings')
    expect(gateway.metric('lineside_rules_alarms') == 2 and gateway.metric('lineside_rules_evaluations_total') > 0 and
           gateway.metric('lineside_rules_dropped_samples_total') == 0, gateway.get('/metrics'))


def test_mistakes(work, gateway):
    gateway.stop()
    (work / 'rules.yaml').write_text('rules:\n  - name: hot\n    when: plc/temprature > 3 bar\n')
    for program in [[BIN / 'lineside', 'check', gateway.settings], [BIN / 'lineside-gateway', '--config', gateway.settings]]:
        said = run(*program, code=78)
        expect("rules.yaml:3: rules[0].when: column 1: there is no tag 'plc/temprature'; did you mean plc/temperature?"
               in said, said)


def test(work):
    with Programs(work) as programs:
        hub, plant = Hub(work, programs), Plant(work, programs)
        write_rules(work, 1000)
        with Gateway(work, settings(hub, plant)) as gateway:
            cold, hot, limit = find_seeds(plant, gateway)
            gateway.stop()
            plant.is_as(cold)
            write_rules(work, limit)
            gateway.start()
            test_alarm(hub, plant, gateway, cold, hot)
            test_acknowledge(work, hub, gateway)
            test_unknown(hub, plant, gateway, hot)
            test_mistakes(work, gateway)


if __name__ == '__main__':
    sys.exit(main(test))
