"""Records the data of the pictures: the demo's output, and a minute of traffic on local AWS."""

import json
import math
import os
import re
import subprocess
import sys
import threading
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.live import Live

from event.types.tweet import EVENT
from local.aws.local_aws import LocalAws
from local.demo.demo import run_demo
from local.demo.load import POISONOUS, TERM
from local.session import deploy_session
from local.x.server import XServer
from ops.aws.stack import Stack
from ops.explore.row import Row
from ops.health.check import Check, State
from ops.health.frame import EventStatus, Frame
from ops.health.metrics import Series
from ops.health.watch import Watch
from stack.project import PROJECT

FOLDER = Path(__file__).parent / "recorded"
DEMO = FOLDER / "demo.ansi"
DISPLAYS = FOLDER / "displays.json"
TRAFFIC = FOLDER / "traffic.json"
PREVIEW = FOLDER / "preview.txt"
"""The report of `python -m delivery.workflows.preview` on a deployed stack, with two settings changed: the only one of
these files that `record` does not write, because it needs the engine."""
WIDTH = 88
"""Columns of the pictures."""
PERIOD = 5
"""Seconds of one value of the dashboard's metrics; CloudWatch has 60."""

_RATE = 250
"""Posts per second: the maximum that one connection to X delivers."""
_SECONDS = 60
_SAMPLE_SECONDS = 0.25
_FRAMES = 8
"""Frames kept of a display."""
_ACCESS_KEY = re.compile(r"AKIA\w+")


@dataclass(frozen=True, slots=True)
class Traffic:
    """A frame of `ops watch`, and the dashboard with the values of its metrics by namespace and name."""

    frame: Frame
    dashboard: dict[str, Any]
    values: dict[str, list[list[float]]]


def record() -> None:
    """Record the demo and the traffic."""
    FOLDER.mkdir(exist_ok=True)
    record_demo()
    TRAFFIC.write_text(json.dumps(_record_traffic(), indent=1, ensure_ascii=False) + "\n")


def record_demo() -> None:
    """Record the demo: what it prints, and the frames of its displays."""
    with Path(os.devnull).open("w") as sink:
        console = _Recorder(record=True, width=WIDTH, file=sink, force_terminal=False, highlight=False)
        run_demo(console)
    DEMO.write_text(_ACCESS_KEY.sub("AKIA...", console.export_text(styles=True)))
    DISPLAYS.write_text(json.dumps(console.displays, indent=1, ensure_ascii=False) + "\n")


class _Recorder(Console):
    """A console that keeps the frames of live displays, of which it prints the last one only.

    Attributes:
        displays: for each display up to `_FRAMES` frames, as text with ANSI codes; the last one stays on the screen.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.displays: list[list[str]] = []
        self._over = threading.Event()
        self._sampling: threading.Thread | None = None

    def set_live(self, live: Live) -> bool:
        """Begin to look at a display."""
        self._over.clear()
        self._sampling = threading.Thread(target=self._sample, args=[live])
        self._sampling.start()
        return super().set_live(live)

    def clear_live(self) -> None:
        """Look at the display for the last time."""
        self._over.set()
        if self._sampling:
            self._sampling.join()
        super().clear_live()

    def _sample(self, live: Live) -> None:
        frames: list[str] = []
        while True:
            over = self._over.wait(_SAMPLE_SECONDS)
            out = Console(width=self.width, file=StringIO(), force_terminal=True, highlight=False)
            with out.capture() as capture:
                out.print(live.get_renderable())
            if capture.get() not in frames[-1:]:
                frames.append(capture.get())
            if over:
                break
        step = max(1, math.ceil(len(frames) / _FRAMES))
        self.displays.append(frames[::-1][::step][::-1])


def load_traffic() -> Traffic:
    """Load the recorded traffic."""
    data = json.loads(TRAFFIC.read_text())
    frame = data["frame"]
    series = {
        name: Series(tuple((at, value) for at, value in each["points"]))
        for name, each in frame["series"].items()
    }
    checks = [Check(**each | {"state": State(each["state"])}) for each in frame["checks"]]
    newest = [
        EventStatus(Row(EVENT, tuple(each["row"].values())), each["stored"]) for each in frame.pop("tweets")
    ]
    parts = {"series": series, "checks": checks, "event": EVENT, "newest": newest}
    return Traffic(Frame(**frame | parts), data["dashboard"], data["values"])


def _record_traffic() -> dict[str, Any]:
    count = _RATE * _SECONDS
    with LocalAws.start() as aws, XServer(count=count, rate=_RATE, poisonous=POISONOUS) as x:
        session = deploy_session(aws, x.url)
        stack = Stack({}, lambda: session.outputs, aws.endpoint)
        arguments = ["--config", str(session.config), "--track", TERM, "--limit", str(count)]
        began = datetime.now(UTC)
        producer = subprocess.Popen(
            [sys.executable, "-m", "producer", *arguments], cwd=PROJECT, stderr=subprocess.DEVNULL
        )
        watch = Watch(stack)
        watch.look()
        try:
            time.sleep(_SECONDS - 5)
            watch.look()  # the newest tweets are looked up in the table at the next look
            frame = watch.look()
            producer.wait(timeout=_SECONDS)
        finally:
            producer.terminate()
            producer.wait()
        time.sleep(3)  # until the last metrics are stored
        name = next(each for each in session.outputs["dashboard_url"].split("/") if "EventPath" in each)
        dashboard = json.loads(stack.cloudwatch.get_dashboard(DashboardName=name)["DashboardBody"])
        return {
            "frame": _frame_data(frame),
            "dashboard": dashboard,
            "values": _values(stack, dashboard, began),
        }


def _frame_data(frame: Frame) -> dict[str, Any]:
    data = asdict(frame)
    del data["event"], data["newest"]
    return data | {"tweets": [{"row": each.row.as_data(), "stored": each.stored} for each in frame.newest]}


def _values(stack: Stack, dashboard: dict[str, Any], began: datetime) -> dict[str, list[list[float]]]:
    """Read the values of each metric of the dashboard, with the seconds since the start."""
    values = {}
    for widget in dashboard["widgets"]:
        for namespace, name, *dimensions, options in widget["properties"]["metrics"]:
            pairs = zip(dimensions[::2], dimensions[1::2], strict=True)
            answer = stack.cloudwatch.get_metric_data(
                MetricDataQueries=[
                    {
                        "Id": "m",
                        "MetricStat": {
                            "Metric": {
                                "Namespace": namespace,
                                "MetricName": name,
                                "Dimensions": [{"Name": key, "Value": value} for key, value in pairs],
                            },
                            "Period": PERIOD,
                            "Stat": options["stat"],
                        },
                    }
                ],
                StartTime=began,
                EndTime=datetime.now(UTC) + timedelta(seconds=1),
            )
            (result,) = answer["MetricDataResults"]
            values[f"{namespace} {name}"] = [
                [round(moment.timestamp() - began.timestamp()), value]
                for moment, value in zip(result["Timestamps"], result["Values"], strict=True)
            ]
    return values
