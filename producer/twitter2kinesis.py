"""The producer as a script: `python producer/twitter2kinesis.py`, from any directory."""

import runpy
import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parent.parent)  # the folder of the package, not the package

runpy.run_module("producer", run_name="__main__")
