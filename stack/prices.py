"""The prices of AWS and X, and the assumptions behind an estimate, from `prices.json`."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

FILE = Path(__file__).parent / "prices.json"

FACTORS: dict[float, str] = {1: "", 1000: "/k", 1_000_000: "/M"}
"""The numbers of units that a price may be for, and how they are printed."""

_MIN_DOLLARS = 0.0001
"""A price below it is printed for a million units: $13.3334/M instead of $0.0000133334."""


@dataclass(frozen=True, slots=True)
class Price:
    """Dollars for a number of units, with its source and date."""

    dollars: float
    per: Annotated[float, "for how many units"]
    unit: str
    source: str
    noted: Annotated[str, "date of the price"]

    def of(self, quantity: float) -> float:
        """Return the dollars for a quantity of the unit."""
        return quantity * self.dollars / self.per

    def __str__(self) -> str:
        dollars, per = self.dollars, self.per
        if dollars < _MIN_DOLLARS:
            dollars, per = dollars * 1_000_000 / per, 1_000_000
        number = f"{dollars:.6f}".rstrip("0").rstrip(".")
        return f"${number}{FACTORS[per]}"


@dataclass(frozen=True, slots=True)
class Prices:
    """The prices of a region, and the assumptions behind an estimate by name."""

    region: str
    note: str
    sources: dict[str, str]
    by_name: dict[str, Price]
    assumptions: dict[str, float]

    def __getitem__(self, name: str) -> Price:
        return self.by_name[name]


def load() -> Prices:
    """Load the prices."""
    return parse(read())


def read() -> Any:
    """Return the content of the file."""
    return json.loads(FILE.read_text())


def parse(values: Any) -> Prices:
    """Parse such content."""
    return Prices(
        values["region"],
        values["note"],
        values["sources"],
        {name: Price(**price) for name, price in values["prices"].items()},
        {name: each["value"] for name, each in values["assumptions"].items()},
    )


def show(dollars: float) -> str:
    """Return an amount to print, exact to a tenth of a cent."""
    text = f"${dollars:,.3f}"
    return text.removesuffix("0")
