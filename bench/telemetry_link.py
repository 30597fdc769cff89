def measure(work, full): pass
