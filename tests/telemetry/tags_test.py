#!/usr/bin/env python3
"""Instruments of the simulated plant are read by Modbus, filtered and delivered while the gateway is killed,
the link breaks and the instruments fall silent: every record is there or declared lost, the hub can read every block,
and it hears of the trouble."""
import json
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
PROJECT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(PROJECT / 'tests' / 'station'), str(PROJECT / 'tools' / 'demo')]
from gateway import BIN, Gateway, expect, free_port, main, wait_for  # noqa: E402
from hub import Hub, Programs  # noqa: E402
import report  # noqa: E402

TAGS = 40
AT_THE_KILL_MAX = 10


def settings(hub, modbus_port):
    tags = [{'name': f'plc/{i}', 'source': 'plc', 'modbus': {'address': 2 * i, 'type': 'float32'}, 'max_error': 0.5}
            for i in range(TAGS)]
    del tags[0]['max_error']
    tags[0] |= {'summary_only': True, 'summary_period_ms': 1000}
    return {'uplink': hub.uplink, 'tag_sources': [
                {'name': 'plc', 'kind': 'modbus', 'host': '127.0.0.1', 'port': modbus_port, 'period_ms': 100,
                 'timeout_ms': 500}],
            'tags': tags, 'telemetry': {'block_period_ms': 500}}


def rows(hub, sql):
    db = sqlite3.connect(f'file:{hub.data / "hub.db"}?mode=ro', uri=True, timeout=10)
    found = db.execute(sql).fetchall()
    db.close()
    return found


def blocks(hub):
    return rows(hub, 'SELECT count(*) FROM tag_block')[0][0]


def more_blocks(hub, what):
    before = blocks(hub)
    wait_for(f'blocks at the hub {what}', lambda: blocks(hub) > before + 2, 30)


def test(work):
    with Programs(work) as programs:
        hub, modbus_port = Hub(work, programs), free_port()
        (work / 'plant.yaml').write_text(json.dumps({'instruments': {
            'count': TAGS, 'period_ms': 100, 'modbus_port': modbus_port}}))
        plant = programs.start('plant', BIN / 'lineside-plant', '--config', work / 'plant.yaml', '--orders',
                               stdin=subprocess.PIPE)

        def order(text):
            plant.stdin.write((text + '\n').encode())
            plant.stdin.flush()

        with Gateway(work, settings(hub, modbus_port)) as gateway:
            more_blocks(hub, 'in peace')
            hub.link_down()
            time.sleep(2)
            gateway.process.kill()
            gateway.process.wait()
            gateway.start()
            hub.link_up()
            more_blocks(hub, 'after a kill while the link was down')
            order('instruments freeze')
            wait_for('word of silent instruments', lambda: hub.events('tag_source.down'), 40)
            order('instruments ok')
            wait_for('word of their return', lambda: hub.events('tag_source.up'), 60)
            more_blocks(hub, 'after the instruments were silent')
            tags = {tag['tag']: tag for tag in json.loads(gateway.get('/api/tags'))['tags']}
            expect(len(tags) == TAGS and all(tag['quality'] == 'good' for tag in tags.values()), f'{tags}')
            gateway.stop()
            time.sleep(2)
            wait_for('the hub has what the gateway wrote', lambda: blocks(hub), 10)
        delivery = report.judge_delivery(hub.data / 'hub.db', 'g1',
                                         report.read_outbox(max((gateway.data_dir / 'outbox').glob('outbox-*.db'))))
        expect(not delivery['unexplained'] and not delivery['twice'], f'law 2: {delivery}')
        expect(delivery['declared_lost'] <= AT_THE_KILL_MAX, f'{delivery["declared_lost"]} records were declared lost')
        unreadable = rows(hub, 'SELECT count(*) FROM tag_block WHERE readable = 0')[0][0]
        expect(unreadable == 0, f'{unreadable} blocks came without those before them')
        expect(rows(hub, 'SELECT count(*) FROM tag_summary')[0][0] > 2, 'no summaries of the tag that has no more')
        readings, = rows(hub, 'SELECT sum(samples), sum(length(content) + length(plan)) FROM tag_block')
        print(f'{readings[0]} readings in {blocks(hub)} blocks of {readings[1]} bytes, '
              f'{delivery["delivered"]} records delivered, {delivery["declared_lost"]} declared lost')


if __name__ == '__main__':
    sys.exit(main(test))
