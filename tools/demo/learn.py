"""The demo's model: trained on pictures that the plant draws, and kept until anything it was made from changes."""
import hashlib
import os
import shutil
import time

from processes import run_to_end

# Pictures of shifts that the running line never shows: its seed is another one.
DRAW = ['--count', '800', '--seed', '7001', '--shifts', '40', '--defect-share', '0.5']
TRAIN = ['--size', '96', '--time-limit', '2', '--fast', '--seed', '1', '--name', 'caps', '--model-version', '1']
DRAW_SHORT = ['--count', '320', '--seed', '7001', '--shifts', '20', '--defect-share', '0.5']
TRAIN_SHORT = ['--size', '64', '--time-limit', '1', '--fast', '--seed', '1', '--name', 'caps', '--model-version', '1']


def _digest(programs, folder, recipe):
    """Of the recipe and of what today's programs make of it: a few drawn pictures, the trainer's version."""
    sample = folder / 'digest-sample'
    shutil.rmtree(sample, ignore_errors=True)
    run_to_end([programs / 'lineside-plant', 'draw', '--out', sample, '--count', '6', '--seed', '1', '--shifts', '2',
                '--defect-share', '0.5'], folder / 'draw.log')
    digest = hashlib.sha256(repr(recipe).encode())
    for line in run_to_end([programs / 'lineside-train', '--version'], folder / 'train.log'):
        digest.update(line.encode())
    for path in sorted(sample.rglob('*.png')):
        digest.update(path.read_bytes())
    shutil.rmtree(sample, ignore_errors=True)
    return digest.hexdigest()[:16]


def get_bundle(programs, cache, say, short=False):
    """(bundle, public key, seconds it took). Trains unless a bundle of the same recipe is in the cache."""
    began = time.monotonic()
    recipe = (DRAW_SHORT, TRAIN_SHORT) if short else (DRAW, TRAIN)
    bundle = cache / f'caps-{_digest(programs, cache, recipe)}.lsb'
    key = cache / 'lineside' / 'signing-key.pem.pub'
    if bundle.exists() and key.exists():
        say(f'The model of an earlier start is still right: {bundle.name}')
        return bundle, key, time.monotonic() - began
    pictures = cache / 'pictures'
    shutil.rmtree(pictures, ignore_errors=True)
    say('Drawing labelled pictures of bottles to learn from')
    run_to_end([programs / 'lineside-plant', 'draw', '--out', pictures, *recipe[0]], cache / 'draw.log')
    minutes = recipe[1][recipe[1].index('--time-limit') + 1]
    say(f'Training the model on them (at most about {minutes} min; the whole log: {cache / "train.log"})')
    os.environ['XDG_DATA_HOME'] = str(cache)  # the demo has a signing key of its own
    os.environ.setdefault('OMP_NUM_THREADS', '1')
    partial = cache / 'training.lsb'
    run_to_end([programs / 'lineside-train', 'inspection', '--images', pictures, '--out', partial, *recipe[1]],
               cache / 'train.log', on_line=lambda line: say('  ' + line, passing=True))
    partial.rename(bundle)
    return bundle, key, time.monotonic() - began
