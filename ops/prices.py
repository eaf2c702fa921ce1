"""The prices of `prices.json`, or of a file of the operator's that replaces some of them."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ops.stack import ConfigError

FILE = Path(__file__).parent / "prices.json"


_FACTORS: dict[float, str] = {1: "", 1000: "/k", 1_000_000: "/M"}


@dataclass(frozen=True, slots=True)
class Price:
    """Dollars for a number of units, with where that was read and when."""

    dollars: float
    per: float
    unit: str
    source: str
    noted: str

    def of(self, quantity: float) -> float:
        """Dollars for a quantity of the unit."""
        return quantity * self.dollars / self.per

    def __str__(self) -> str:
        number = f"{self.dollars:.10f}".rstrip("0").rstrip(".")
        return f"${number}{_FACTORS[self.per]}"


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


def load(override: Path | None = None) -> Prices:
    """The project's prices, with what `override` has of them in place of the project's.

    Raises:
        ConfigError: the override cannot be read, or has a name or a form that the project's file has not.
    """
    values = json.loads(FILE.read_text())
    if override:
        _merge(values, override)
    try:
        return Prices(
            values["region"],
            values["note"],
            values["sources"],
            {name: Price(**price) for name, price in values["prices"].items()},
            {name: float(each["value"]) for name, each in values["assumptions"].items()},
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigError(f"{override or FILE} does not have the form of {FILE}: {error}.") from error


def _merge(values: dict[str, Any], path: Path) -> None:
    try:
        override = json.loads(path.read_text(encoding="utf-8-sig"))
        for name, value in override.items():
            if isinstance(values[name], dict):
                for key, members in value.items():
                    known = values[name][key]
                    values[name][key] = {**known, **members} if isinstance(known, dict) else members
            else:
                values[name] = value
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} cannot be read as JSON: {error}.") from error
    except KeyError as error:
        raise ConfigError(f"{path}: {FILE} has no {error}; an override takes its names.") from error
    except (AttributeError, TypeError) as error:
        raise ConfigError(f"{path} does not have the form of {FILE}: {error}.") from error
