"""What happened in a run, from three independent sources: the plant's truth, the gateway's ledger, the hub's database.

Nothing here asks a program for its own opinion of itself: items are paired with bottles by time, and the sums of the
laws (docs/architecture.md) are counted anew from what each side has on disk.
"""
import bisect
import json
import sqlite3
import statistics
from collections import defaultdict

RECORD_TABLES = ('verdict', 'station_summary', 'event', 'picture', 'asset_summary', 'tag_block', 'tag_summary')
NS = 1_000_000_000


def read_truth(path):
    """{line: {'bottles': [...], 'misses': [...], 'troubles': [...]}} in the order of time."""
    lines = defaultdict(lambda: {'bottles': [], 'misses': [], 'troubles': []})
    with open(path, encoding='utf-8') as file:
        for text in file:
            if not text.endswith('\n'):
                break  # the plant was killed while writing
            entry = json.loads(text)
            kind = 'bottles' if 'bottle' in entry else 'misses' if 'pulse_at_ns' in entry else 'troubles'
            lines[entry['line']][kind].append(entry)
    return lines


def read_ledger(folder):
    """Every item of a station: dictionaries with the ledger's columns, times as numbers."""
    items = []
    for path in sorted(folder.glob('ledger-*.tsv')):
        columns = None
        for text in path.read_text(errors='replace').splitlines():
            cells = text.split('\t')
            if text.startswith('#'):
                columns = ['item'] + cells[1:]
            elif columns and len(cells) == len(columns):
                row = dict(zip(columns, cells))
                row['item'] = int(row['item'])
                row['time_ns'] = int(row['time_unix_us']) * 1000
                for name in columns:
                    if name.endswith('_us') and name != 'time_unix_us':
                        row[name] = None if row[name] == '-' else int(row[name])
                items.append(row)
    return sorted(items, key=lambda row: row['item'])


def pair(items, bottles):
    """Gives each item the bottle that was before the camera when its picture was taken: the last one sent before it.

    A picture that came more than a period late would seem to be of the next bottle, which then has two items: the
    earlier item is moved back to the bottle before, if that one has none. Returns the items without a bottle.
    """
    sent = [b for b in bottles if b['sent']]
    times = [b['at_ns'] for b in sent]
    period = statistics.median(b - a for a, b in zip(times, times[1:])) if len(times) > 1 else NS
    taken, strays = {}, []
    for item in items:
        index = bisect.bisect_right(times, item['time_ns']) - 1
        after_the_end = index == len(times) - 1 and item['time_ns'] - times[index] > period
        if index < 0 or after_the_end or item['time_ns'] - times[index] > NS:
            strays.append(item)
            continue
        moving, place = item, index
        while place >= 0 and place in taken:
            # The newcomer stays at `place` if it came later than the one there, which moves back.
            moving, taken[place] = taken[place], moving
            place -= 1
        if place < 0 or index - place > 20:
            strays.append(moving)
        else:
            taken[place] = moving
    for index, item in taken.items():
        item['bottle'] = sent[index]
    return strays


def quantiles_ms(values_us):
    values = sorted(values_us)
    if not values:
        return {'p50': None, 'p99': None, 'p99.9': None, 'max': None}

    def at(q):
        return round(values[min(len(values) - 1, int(q * len(values)))] / 1000, 3)
    return {'p50': at(0.5), 'p99': at(0.99), 'p99.9': at(0.999), 'max': round(values[-1] / 1000, 3)}


def judge_line(truth, items, outages):
    """Counts of one line and station. `outages`: [(from_ns, to_ns)] in which bottles may pass without a verdict."""
    strays = pair(items, truth['bottles'])
    filmed = [b for b in truth['bottles'] if b['filmed']]
    by_bottle = {item['bottle']['bottle']: item for item in items if 'bottle' in item}
    first = min((i['bottle']['at_ns'] for i in items if 'bottle' in i), default=0)
    last = max((i['bottle']['at_ns'] for i in items if 'bottle' in i), default=0)
    last_truth = max((b['at_ns'] for b in truth['bottles']), default=0)

    def in_outage(at_ns):
        return any(start <= at_ns <= end for start, end in outages)

    watched = [b for b in filmed if first <= b['at_ns'] <= last]
    missing = [b for b in watched if b['bottle'] not in by_bottle]
    rejects = [i for i in items if i['decision'] == 'reject']
    by_model = [i for i in items if 'bottle' in i and not i['reason'].startswith('fail')]
    fired = [i for i in rejects if i['actuated'] == 'yes' and 'bottle' in i]
    hit_right = [i for i in fired if i['bottle']['hit']]
    hit_elsewhere = [i for i in fired if not i['bottle']['hit'] and not i['bottle']['safe']]
    hit_innocent = [b for b in truth['bottles'] if b['hit'] and b['bottle'] in by_bottle
                    and by_bottle[b['bottle']]['decision'] == 'pass']
    numbers = [i['item'] for i in items]
    hit_ms = [i['bottle']['hit_ms'] for i in hit_right]
    return {
        'bottles': len(truth['bottles']), 'bottles_filmed': len(watched), 'bottles_inspected': len(by_bottle),
        'items': len(items),
        'verdicts_missing': [b['bottle'] for b in missing if not in_outage(b['at_ns'])],
        'uninspected_in_outages': sum(1 for b in missing if in_outage(b['at_ns'])),
        'items_twice': len(numbers) - len(set(numbers)),
        'items_without_bottle': [i['item'] for i in strays if i['time_ns'] <= last_truth and not in_outage(i['time_ns'])],
        'passed': len(items) - len(rejects), 'rejected': len(rejects),
        'fail_safe': sum(1 for i in items if i['reason'].startswith('fail')),
        'late': sum(1 for i in items if i['deadline'] == 'missed'),
        'wrong_rejects': sum(1 for i in by_model if i['decision'] == 'reject' and i['bottle']['class'] == 'good'),
        'escapes': sum(1 for i in by_model if i['decision'] == 'pass' and i['bottle']['class'] != 'good'),
        'defects_inspected': sum(1 for i in by_model if i['bottle']['class'] != 'good'),
        'good_inspected': sum(1 for i in by_model if i['bottle']['class'] == 'good'),
        'fired': len(fired), 'hit_the_bottle': len(hit_right), 'hit_elsewhere': len(hit_elsewhere),
        'hit_a_passed_bottle': len(hit_innocent), 'pulses_into_nothing': len(truth['misses']),
        'hit_ms': {'min': min(hit_ms, default=None), 'median': statistics.median(hit_ms) if hit_ms else None,
                   'max': max(hit_ms, default=None)},
        'trigger_to_verdict_ms': quantiles_ms([i['decision_us'] for i in items if i['decision_us'] is not None]),
        'bottle_to_verdict_ms': quantiles_ms(
            [(i['time_ns'] - i['bottle']['at_ns']) / 1000 + i['decision_us']
             for i in items if 'bottle' in i and i['decision_us'] is not None]),
    }


def read_outbox(path):
    """(epoch, {lane: last sequence on disk}) of a gateway that has stopped."""
    db = sqlite3.connect(f'file:{path}?mode=ro', uri=True)
    epoch = db.execute('SELECT epoch FROM outbox').fetchone()[0]
    lanes = dict(db.execute('SELECT lane, durable FROM lane'))
    db.close()
    return epoch, lanes


def judge_delivery(hub_db, gateway, outbox):
    """Law 2, counted in the hub's database: each lane's sequences are whole, and what the outbox has beyond them still
    waits. `outbox`: as read_outbox gives it. Returns counts and the sequences that nothing explains."""
    db = sqlite3.connect(f'file:{hub_db}?mode=ro', uri=True)
    numbers = dict(db.execute('SELECT id, number FROM epoch WHERE gateway = ?', (gateway,)))
    seen = defaultdict(list)
    for table in RECORD_TABLES:
        for lane, epoch, sequence in db.execute(f'SELECT lane, epoch, sequence FROM {table} WHERE gateway = ?', (gateway,)):
            seen[lane, epoch].append((sequence, sequence, False))
    for lane, epoch, first, last in db.execute(
            'SELECT lane, epoch, first_sequence, last_sequence FROM loss WHERE gateway = ?', (gateway,)):
        seen[lane, epoch].append((first, last, True))
    marks = {(lane, epoch): last for lane, epoch, last in db.execute(
        'SELECT lane, epoch, last_sequence FROM watermark WHERE gateway = ?', (gateway,))}
    waiting = sum(max(0, durable - marks.get((lane, numbers.get(outbox[0])), 0)) for lane, durable in outbox[1].items())
    result = {'delivered': 0, 'declared_lost': 0, 'waiting': waiting, 'unexplained': [], 'twice': 0, 'watermark': {}}
    for key in sorted(seen.keys() | marks.keys()):
        expected = 1
        for first, last, lost in sorted(seen[key]):
            if first > expected:
                result['unexplained'].append([*key, expected, first - 1])
            if first < expected and not lost:
                result['twice'] += 1
            count = max(0, last - max(first, expected) + 1)
            result['declared_lost' if lost else 'delivered'] += count
            expected = max(expected, last + 1)
        if key in marks and marks[key] >= expected:
            result['unexplained'].append([*key, expected, marks[key]])
        result['watermark'][f'lane {key[0]}, epoch {key[1]}'] = marks.get(key)
    result['produced'] = result['delivered'] + result['declared_lost'] + result['waiting']
    row = db.execute('SELECT wire_bytes, raw_bytes FROM traffic WHERE gateway = ?', (gateway,)).fetchone() or (0, 0)
    result['wire_bytes'], result['raw_bytes'] = row
    result['verdicts'], result['verdicts_twice'] = defaultdict(set), 0
    for station, item in db.execute('SELECT station, item FROM verdict WHERE gateway = ?', (gateway,)):
        result['verdicts_twice'] += item in result['verdicts'][station]
        result['verdicts'][station].add(item)
    db.close()
    return result


def broken_laws(lines, delivery, items_by_station):
    """Sentences; empty when the laws held."""
    broken = []
    for name, line in lines.items():
        if not line['items']:
            broken.append(f'{name}: there is no verdict at all')
        if line['verdicts_missing']:
            broken.append(f'law 1, {name}: {len(line["verdicts_missing"])} filmed bottles have no verdict, e.g. '
                          f'{line["verdicts_missing"][:5]}')
        if line['items_twice']:
            broken.append(f'law 1, {name}: {line["items_twice"]} items have more than one verdict')
        if line['items_without_bottle']:
            broken.append(f'{name}: {len(line["items_without_bottle"])} items belong to no bottle, e.g. '
                          f'{line["items_without_bottle"][:5]}')
        if line['hit_a_passed_bottle']:
            broken.append(f'{name}: the rejector hit {line["hit_a_passed_bottle"]} bottles whose verdict was pass')
    if delivery['verdicts_twice']:
        broken.append(f'law 1: {delivery["verdicts_twice"]} items have more than one verdict at the hub')
    if delivery['unexplained']:
        broken.append(f'law 2: nothing explains these [lane, epoch, first, last]: {delivery["unexplained"][:5]}')
    if delivery['twice']:
        broken.append(f'law 2: {delivery["twice"]} sequences are stored twice')
    allowed = delivery['declared_lost'] + delivery['waiting']
    absent = sum(len({i['item'] for i in items} - delivery['verdicts'][station])
                 for station, items in items_by_station.items())
    delivery['ledger_items_not_at_hub'] = absent
    if absent > allowed:
        broken.append(f'law 2: {absent} items of the ledger are not at the hub, but only {allowed} records are declared '
                      'lost or still waiting')
    return broken


def table(report):
    """The report as people read it."""
    out = []

    def row(label, value):
        out.append(f'  {label:<42} {value}')

    for name, line in report['lines'].items():
        out.append(f'\n{name}')
        row('bottles filmed, items, verdicts missing',
            f'{line["bottles_filmed"]}, {line["items"]}, {len(line["verdicts_missing"])}')
        row('not inspected while something was down', line['uninspected_in_outages'])
        row('passed, rejected', f'{line["passed"]}, {line["rejected"]}')
        row('fail-safe verdicts, of these late', f'{line["fail_safe"]}, {line["late"]}')
        row('good bottles rejected by the model', f'{line["wrong_rejects"]} of {line["good_inspected"]}')
        row('defects that the model let pass', f'{line["escapes"]} of {line["defects_inspected"]}')
        row('rejector: fired, hit its bottle, missed it',
            f'{line["fired"]}, {line["hit_the_bottle"]}, {line["hit_elsewhere"]}')
        row('hit against the bottle\'s middle, ms', ', '.join(f'{k} {v}' for k, v in line['hit_ms'].items()))
        row('trigger to verdict, ms', ', '.join(f'{k} {v}' for k, v in line['trigger_to_verdict_ms'].items()))
        row('bottle at the camera to verdict, ms',
            ', '.join(f'{k} {v}' for k, v in line['bottle_to_verdict_ms'].items()))
    delivery = report['delivery']
    out.append('\ndelivery to the hub')
    row('records produced', delivery['produced'])
    row('delivered, declared lost, waiting',
        f'{delivery["delivered"]}, {delivery["declared_lost"]}, {delivery["waiting"]}')
    share = 100 * delivery['wire_bytes'] / delivery['raw_bytes'] if delivery['raw_bytes'] else 0
    row('bytes sent, raw bytes that stayed', f'{delivery["wire_bytes"]:,}, {delivery["raw_bytes"]:,} ({share:.3f} %)')
    out.append('\nstart')
    for name, seconds in report['start_s'].items():
        row(f'{name}, s', f'{seconds:.2f}')
    out.append('')
    out += [f'BROKEN: {sentence}' for sentence in report['broken']] or ['All laws that this run can test were kept.']
    return '\n'.join(out)
