#!/usr/bin/env python3
"""One gateway shows its tags by Sparkplug B, a second one reads them there, by a real broker; each of the three is killed
and comes back: what can't be known is bad, what is shown is right, also of a signal that never changes, and nothing is
lost."""
import json
import os
import subprocess
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'station'))
from gateway import Gateway, expect, free_port, main, wait_for  # noqa: E402
from hub import Programs, listening  # noqa: E402

ROWS_S = 20
APART_MAX = 5 * ROWS_S  # both are asked one after the other, on a busy machine


class Broker:
    def __init__(self, work, programs):
        self.programs, self.port = programs, free_port()
        self.config = work / 'mosquitto.conf'
        user = 'user root\n' if os.geteuid() == 0 else ''
        self.config.write_text(f'listener {self.port} 127.0.0.1\nallow_anonymous true\npersistence false\n{user}')
        self.start()

    def start(self):
        self.programs.start('broker', 'mosquitto', '-c', self.config)
        wait_for('the broker', lambda: listening(self.port))

    def say_host_is_online(self):
        state = json.dumps({'online': True, 'timestamp': int(time.time() * 1000)})
        subprocess.run(['mosquitto_pub', '-h', '127.0.0.1', '-p', str(self.port), '-q', '1', '-r', '-t',
                        'spBv1.0/STATE/scada', '-m', state], check=True, timeout=20)

    def kill(self):
        broker = self.programs.running.pop('broker')
        broker.kill()
        broker.wait()


def publisher_settings(work, port):
    recording = work / 'day.csv'
    rows = (f'{i / ROWS_S},{i},42.5' for i in range(600 * ROWS_S))
    recording.write_text('time,rising,still\n' + '\n'.join(rows) + '\n')
    return {'tag_sources': [{'name': 'day', 'kind': 'file', 'path': str(recording)}],
            'tags': [{'name': f'line/{name}', 'source': 'day', 'file': {'column': name}}
                     for name in ('rising', 'still')],
            'sparkplug': {'enabled': True, 'group': 'Plant 1', 'period_ms': 50, 'reconnect_max_ms': 1000,
                          'primary_host': 'scada', 'brokers': [{'port': port, 'tls': False}]}}


def reader_settings(port):
    place = {'group': 'Plant 1', 'edge_node': 'g1'}
    return {'tag_sources': [{'name': 'scada', 'kind': 'sparkplug', 'host': '127.0.0.1', 'port': port,
                             'reorder_timeout_ms': 500, 'reconnect_max_ms': 1000}],
            'tags': [{'name': 'lost', 'source': 'scada', 'sparkplug': place | {'metric': 'Telemetry/Lost samples'}}] +
                    [{'name': name, 'source': 'scada',
                      'sparkplug': place | {'device': 'day', 'metric': f'line/{name}'}} for name in ('rising', 'still')]}


def tags(gateway):
    return {tag['tag']: tag for tag in json.loads(gateway.get('/api/tags') or '{"tags": []}')['tags']}


def kill(gateway):
    gateway.process.kill()
    gateway.process.wait()


class Pair:
    def __init__(self, publisher, reader):
        self.publisher, self.reader = publisher, reader

    def all_are(self, quality):
        return len(found := tags(self.reader)) == 3 and all(tag['quality'] == quality for tag in found.values())

    def become_bad(self, when):
        wait_for(f'bad tags {when}', lambda: self.all_are('bad'), 40)

    def become_good(self, when):
        """And right, and going on."""
        wait_for(f'good tags {when}', lambda: self.all_are('good'), 60)
        here = tags(self.reader)
        there = tags(self.publisher)['line/rising']['value']
        expect(here['still']['value'] == 42.5 and here['lost']['value'] == 0, f'{when}: {here}')
        expect(abs(there - here['rising']['value']) <= APART_MAX, f'{when}: {here["rising"]}, not {there}')
        wait_for(f'news {when}', lambda: tags(self.reader)['rising']['value'] > there, 20)


def health(gateway):
    return ' '.join(json.loads(gateway.get('/healthz'))['trouble'])


def reached(reader):
    return reader.metric('lineside_tag_connects_total', source='scada')


def bd_seq(gateway):
    return int((gateway.data_dir / 'sparkplug.bdseq').read_text())


def test(work):
    for name in ('publisher', 'reader'):
        (work / name).mkdir()
    with Programs(work) as programs:
        broker = Broker(work, programs)
        with Gateway(work / 'publisher', publisher_settings(work, broker.port)) as publisher, \
                Gateway(work / 'reader', reader_settings(broker.port)) as reader:
            pair = Pair(publisher, reader)
            broker.say_host_is_online()
            pair.become_good('in the beginning')

            before = bd_seq(publisher)
            kill(publisher)
            pair.become_bad('after the publisher was killed')
            publisher.start()
            pair.become_good('after the publisher came back')
            expect(bd_seq(publisher) == before + 1, f'session {bd_seq(publisher)} after {before}')

            asked = publisher.metric('lineside_sparkplug_rebirths_total')
            kill(reader)
            reader.start()
            pair.become_good('after the reader was killed')
            expect(publisher.metric('lineside_sparkplug_rebirths_total') > asked,
                   'a signal that never changes is only known if the reader asked for it')

            connects = reached(reader)
            broker.kill()
            pair.become_bad('without a broker')
            wait_for('word of it', lambda: 'Sparkplug' in health(publisher), 20)
            broker.start()
            wait_for('the reader', lambda: reached(reader) > connects, 40)
            broker.say_host_is_online()  # the reader, which has no state of its own, would miss what is sent before
            pair.become_good('after the broker came back')
            expect('Sparkplug' not in health(publisher), health(publisher))
            wait_for('what could not be sent comes as history, which is not the current value',
                     lambda: reader.metric('lineside_tag_lost_total', source='scada') > 0, 20)
            expect(publisher.metric('lineside_sparkplug_lost_samples_total') == 0, 'readings were lost')

            publisher.stop()
            pair.become_bad('after the publisher stopped')
            faults = reader.metric('lineside_tag_sparkplug_faults_total', source='scada')
            expect(faults == 0, f'{faults} faults in what a gateway publishes')
            reader.stop()


if __name__ == '__main__':
    sys.exit(main(test))
