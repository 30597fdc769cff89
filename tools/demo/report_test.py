#!/usr/bin/env python3
"""The report sees what it has to see: a run is written down as plant, gateway and hub would, with one law broken."""
import json
import pathlib
import sqlite3
import sys
import tempfile
import unittest

PROJECT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import report

BEGAN = 1_795_368_537_000_000_000
PERIOD = 100_000_000
BOTTLES = 40
BAD = range(5, BOTTLES, 10)  # these bottles have a defect, are rejected and hit
LEDGER_HEAD = '\t'.join(('#lineside-ledger-1', 'time_unix_us', 'decision', 'reason', 'score', 'label', 'model', 'deadline',
                         'actuated', 'exposure_us', 'preprocess_us', 'inference_us', 'decision_us', 'actuation_us')) + '\n'
VERDICT, SUMMARY = 0, 1  # lanes: urgent and bulk
OUTBOX = '0192f0c1-0000-7000-8000-000000000001'


class Run:
    """A run without a fault. Tests change its lists before judge()."""

    def __init__(self):
        self.bottles = [{'line': 'line1', 'bottle': n, 'class': 'cap_tilted' if n in BAD else 'good',
                         'at_ns': BEGAN + n * PERIOD, 'sent': True, 'filmed': True, 'hit': n in BAD, 'safe': False,
                         **({'hit_ms': 1.5, 'item': n + 1} if n in BAD else {})} for n in range(BOTTLES)]
        self.items = [self.item(n + 1, n) for n in range(BOTTLES)]
        self.verdicts = [(n + 1, n + 1) for n in range(BOTTLES)]  # sequence, item
        self.summaries = [1, 2, 3, 4]
        self.events = []  # sequences in the urgent lane
        self.losses = []  # lane, first, last
        self.watermarks = {VERDICT: BOTTLES, SUMMARY: 4}
        self.durable = {VERDICT: BOTTLES, SUMMARY: 4}
        self.outages = []

    @staticmethod
    def item(number, bottle, decision=None):
        return {'number': number, 'time_ns': BEGAN + bottle * PERIOD + 8_000_000,
                'decision': decision or ('reject' if bottle in BAD else 'pass')}

    def drop_verdict(self, bottle):
        """As if the gateway had overlooked the bottle: the records that follow move up."""
        self.items = [i for i in self.items if i['number'] != bottle + 1]
        kept = [item for _, item in self.verdicts if item != bottle + 1]
        self.verdicts = list(enumerate(kept, start=1))
        self.watermarks[VERDICT] = self.durable[VERDICT] = len(kept)

    def write(self, folder):
        (folder / 'truth.jsonl').write_text(''.join(json.dumps(b) + '\n' for b in self.bottles))
        (folder / 'ledger-00000001.tsv').write_text(LEDGER_HEAD + ''.join(
            f'{i["number"]}\t{i["time_ns"] // 1000}\t{i["decision"]}\tscore\t0.5\tgood\tcaps@1\tmet\t'
            f'{"yes" if i["decision"] == "reject" else "no"}\t0\t900\t1500\t1600\t-\n' for i in self.items))
        outbox = sqlite3.connect(folder / 'outbox.db')
        outbox.execute('CREATE TABLE outbox (epoch TEXT)')
        outbox.execute('CREATE TABLE lane (lane INTEGER, durable INTEGER)')
        outbox.execute('INSERT INTO outbox VALUES (?)', (OUTBOX,))
        outbox.executemany('INSERT INTO lane VALUES (?, ?)', self.durable.items())
        outbox.commit()
        outbox.close()
        hub = sqlite3.connect(folder / 'hub.db')
        hub.execute('PRAGMA synchronous = OFF')
        for schema in ('hub.sql', 'hub-2.sql', 'hub-3.sql'):
            hub.executescript((PROJECT / 'schema' / schema).read_text())
        hub.execute("INSERT INTO epoch VALUES ('default', 'gw1', 1, ?, 0)", (OUTBOX,))
        hub.executemany("INSERT INTO watermark VALUES ('default', 'gw1', ?, 1, ?)", self.watermarks.items())
        hub.executemany("INSERT INTO verdict VALUES ('default', 'gw1', 0, 1, ?, 'caps', ?, 0, 0, 0, 0.5, 'good', "
                        "'caps@1', 1, 0, 0, 0)", self.verdicts)
        hub.executemany("INSERT INTO event VALUES ('default', 'gw1', 0, 1, ?, '', 'gateway.started', '', 0, 0, '', '')",
                        [(s,) for s in self.events])
        hub.executemany("INSERT INTO loss VALUES ('default', 'gw1', ?, 1, ?, ?, 'queue.full', 1, 0)", self.losses)
        columns = len(hub.execute('PRAGMA table_info(station_summary)').fetchall())
        hub.executemany(f"INSERT INTO station_summary VALUES ('default', 'gw1', 1, 1, ?, 'caps'{', 0' * (columns - 6)})",
                        [(s,) for s in self.summaries])
        hub.commit()
        hub.close()

    def judge(self):
        """(sentences, line, delivery), through the same files as in a real run."""
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            self.write(folder)
            items = report.read_ledger(folder)
            line = report.judge_line(report.read_truth(folder / 'truth.jsonl')['line1'], items, self.outages)
            delivery = report.judge_delivery(folder / 'hub.db', 'gw1', report.read_outbox(folder / 'outbox.db'))
            return report.broken_laws({'caps': line}, delivery, {'caps': items}), line, delivery


class GoodRuns(unittest.TestCase):
    def test_a_run_without_a_fault_breaks_no_law(self):
        broken, line, delivery = Run().judge()
        self.assertEqual(broken, [])
        self.assertEqual((line['bottles_filmed'], line['items'], line['rejected']), (BOTTLES, BOTTLES, len(BAD)))
        self.assertEqual((line['fired'], line['hit_the_bottle'], line['hit_elsewhere']), (len(BAD), len(BAD), 0))
        self.assertEqual((line['escapes'], line['wrong_rejects'], line['late']), (0, 0, 0))
        self.assertEqual((delivery['delivered'], delivery['declared_lost'], delivery['waiting']), (BOTTLES + 4, 0, 0))

    def test_a_picture_that_comes_more_than_a_period_late_still_belongs_to_its_bottle(self):
        run = Run()
        run.items[20]['time_ns'] += PERIOD
        self.assertEqual(run.judge()[0], [])

    def test_bottles_that_pass_in_an_outage_need_no_verdict(self):
        run = Run()
        run.drop_verdict(20)
        run.outages = [(BEGAN + 20 * PERIOD - 1, BEGAN + 20 * PERIOD + 1)]
        broken, line, _ = run.judge()
        self.assertEqual((broken, line['uninspected_in_outages']), ([], 1))

    def test_declared_and_waiting_records_explain_what_is_absent(self):
        run = Run()
        run.verdicts = [v for v in run.verdicts if v[0] not in (11, 12) and v[0] <= 35]
        run.losses = [(VERDICT, 11, 12)]
        run.watermarks[VERDICT] = 35
        broken, _, delivery = run.judge()
        self.assertEqual(broken, [])
        self.assertEqual((delivery['declared_lost'], delivery['waiting'], delivery['produced']), (2, 5, BOTTLES + 4))


class BrokenLaws(unittest.TestCase):
    def assert_one_breach(self, run, words):
        broken = run.judge()[0]
        self.assertEqual(len(broken), 1, broken)
        self.assertIn(words, broken[0])

    def test_a_filmed_bottle_without_a_verdict(self):
        run = Run()
        run.drop_verdict(20)
        self.assert_one_breach(run, '1 filmed bottles have no verdict, e.g. [20]')

    def test_an_item_with_two_verdicts_in_the_ledger(self):
        run = Run()
        run.items.append({**run.items[20], 'decision': 'reject'})
        self.assertIn('law 1, caps: 1 items have more than one verdict', run.judge()[0])

    def test_an_item_with_two_verdicts_at_the_hub(self):
        run = Run()
        run.verdicts.append((BOTTLES + 1, 21))
        run.watermarks[VERDICT] = run.durable[VERDICT] = BOTTLES + 1
        self.assert_one_breach(run, '1 items have more than one verdict at the hub')

    def test_a_second_item_for_one_bottle(self):
        run = Run()
        run.items.append(run.item(BOTTLES + 1, 20))
        run.verdicts.append((BOTTLES + 1, BOTTLES + 1))
        run.watermarks[VERDICT] = run.durable[VERDICT] = BOTTLES + 1
        self.assertIn('caps: 1 items belong to no bottle', run.judge()[0][0])

    def test_no_verdict_at_all(self):
        run = Run()
        run.items, run.verdicts = [], []
        run.watermarks[VERDICT] = run.durable[VERDICT] = 0
        self.assert_one_breach(run, 'there is no verdict at all')

    def test_the_rejector_hit_a_bottle_whose_verdict_was_pass(self):
        run = Run()
        run.bottles[20].update(hit=True, hit_ms=0.5, item=21)
        self.assert_one_breach(run, 'the rejector hit 1 bottles whose verdict was pass')

    def test_a_gap_in_the_sequences(self):
        run = Run()
        run.summaries = [1, 2, 4]
        self.assert_one_breach(run, f'law 2: nothing explains these [lane, epoch, first, last]: {[[SUMMARY, 1, 3, 3]]}')

    def test_a_gap_at_the_beginning(self):
        run = Run()
        run.summaries = [2, 3, 4]
        self.assert_one_breach(run, f'{[[SUMMARY, 1, 1, 1]]}')

    def test_a_watermark_beyond_the_last_record(self):
        run = Run()
        run.summaries = [1, 2, 3]
        self.assert_one_breach(run, f'{[[SUMMARY, 1, 4, 4]]}')

    def test_a_watermark_over_a_lane_without_any_record(self):
        run = Run()
        run.summaries = []
        self.assert_one_breach(run, f'{[[SUMMARY, 1, 1, 4]]}')

    def test_a_sequence_that_two_records_have(self):
        run = Run()
        run.events = [20]
        self.assert_one_breach(run, 'law 2: 1 sequences are stored twice')

    def test_a_loss_that_covers_what_was_delivered(self):
        run = Run()
        run.losses = [(VERDICT, 15, 15)]
        run.verdicts = run.verdicts[:14] + [(s + 1, item) for s, item in run.verdicts[14:]]
        run.watermarks[VERDICT] = run.durable[VERDICT] = BOTTLES + 1
        self.assertEqual(run.judge()[0], [])
        run.losses = [(VERDICT, 15, 17)]
        self.assert_one_breach(run, 'law 2: 2 sequences are stored twice')

    def test_items_of_the_ledger_that_never_left(self):
        run = Run()
        run.verdicts = run.verdicts[:35]
        run.watermarks[VERDICT] = run.durable[VERDICT] = 35
        self.assert_one_breach(run, '5 items of the ledger are not at the hub, but only 0 records are declared lost')


class Files(unittest.TestCase):
    def test_lines_torn_by_a_kill_are_left_out(self):
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            Run().write(folder)
            for path in (folder / 'truth.jsonl', folder / 'ledger-00000001.tsv'):
                path.write_text(path.read_text()[:-20])
            self.assertEqual(len(report.read_truth(folder / 'truth.jsonl')['line1']['bottles']), BOTTLES - 1)
            self.assertEqual(len(report.read_ledger(folder)), BOTTLES - 1)


if __name__ == '__main__':
    unittest.main()
