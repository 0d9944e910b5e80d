"""What the scripts for docs/ share; imported first, it puts the package and the tests on the path."""

import csv
import re
import sys
from pathlib import Path

from matplotlib.figure import Figure

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(ROOT / "tests" / "verification")]

FIGURES, DATA = ROOT / "docs" / "figures", ROOT / "docs" / "data"
STYLE = {"font.size": 8.5, "axes.titlesize": 9, "legend.frameon": False, "legend.fontsize": 7.5, "lines.markersize": 4,
         "lines.linewidth": 1.2, "axes.spines.top": False, "axes.spines.right": False}
BLUE, ORANGE, GREEN, RED, GREY = "#0072b2", "#d55e00", "#009e73", "#cc3311", "#777777"


def save(figure: Figure, name: str, dpi: int = 110) -> None:
    FIGURES.mkdir(exist_ok=True)
    figure.savefig(FIGURES / f"{name}.png", dpi=dpi)


def write_csv(name: str, head: list[str], rows) -> None:
    DATA.mkdir(exist_ok=True)
    with (DATA / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(head)
        writer.writerows([[f"{v:.6g}" if isinstance(v, float) else v for v in row] for row in rows])


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def percent(value: float, digits: int = 2) -> str:
    return f"{round(100 * value, digits) + 0.0:+.{digits}f} %"  # + 0.0: no -0.00


def label_ticks(axis, values, labels) -> None:
    """Just these ticks, whatever the scale would choose."""
    axis.set_ticks(values, labels)
    axis.set_ticks([], minor=True)


def put_tables(document: Path, tables: dict[str, str]) -> None:
    """Each table between its marks in a page; printed where the page has none."""
    text = document.read_text(encoding="utf-8") if document.exists() else ""
    for name, content in tables.items():
        pattern = rf"(<!-- begin {name} -->\n).*?(<!-- end {name} -->)"
        text, count = re.subn(pattern, lambda marks, content=content: f"{marks[1]}{content}\n{marks[2]}", text,
                              flags=re.DOTALL)
        if not count:
            print(f"<!-- begin {name} -->\n{content}\n<!-- end {name} -->\n", flush=True)
    if text:
        document.write_text(text, encoding="utf-8")
