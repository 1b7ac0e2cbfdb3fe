"""``python -m analysis``: see `analysis.build`."""

from analysis.build import main

main(prog_name="python -m analysis")
