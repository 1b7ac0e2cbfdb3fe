"""What the benchmarks measured.

Begin with `timings`, which reads the store; `scaling` says how times grow with the work.
"""
