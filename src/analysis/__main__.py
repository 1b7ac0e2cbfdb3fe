"""``python -m analysis``: see `analysis.building.command`."""

from analysis.building.command import main

main(prog_name="python -m analysis")
