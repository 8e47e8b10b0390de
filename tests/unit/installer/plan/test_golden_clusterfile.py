"""The plan of a Clusterfile that uses everything, as a file for people: each step, and what it awaits.

`BUNDLER_WRITE_GOLDEN=1` writes it anew; what changed is looked at, line by line, before it is committed.
"""

import os
from pathlib import Path

from bundler.core.index import App, AppKind, AppRole
from bundler.installer.plan.decide import decide_removal
from bundler.installer.plan.steps import Plan
from bundler.installer.site.clusterfile.read import read_file
from tests.unit.installer.plan import kit

HERE = Path(__file__).parent / "golden_clusterfile"
FOLDER = "root/application/apps/web"
FILES = {f"{FOLDER}/values.yaml": b"replicas: 1\n", f"{FOLDER}/Chart.yaml": b"name: web\n"}
WEB = App("web", AppKind.HELM, AppRole.APP, "application/apps/web")
SIZES = {path: len(text) for path, text in FILES.items()} | {"runtime/helm/libhelm_c.so": 9}


def lines(made: Plan) -> str:
    return "".join(
        "".join((f"{step.id}\n", *(f"    behind {name}\n" for name in sorted(step.after))))
        for step in made.steps
    )


def test_the_plan_is_as_it_was_looked_at() -> None:
    of = read_file(HERE / "site.yaml")
    bundle = kit.index(apps=(WEB,), launch=("web",), files=SIZES)
    made = {
        "plan.txt": lines(kit.plan(of, kit.facts(of), bundle, files=FILES)),
        "removal.txt": lines(decide_removal(of, kit.facts(of), bundle)),
    }
    if os.environ.get("BUNDLER_WRITE_GOLDEN"):
        for name, text in made.items():
            (HERE / name).write_text(text, encoding="utf-8")
    assert made == {path.name: path.read_text(encoding="utf-8") for path in HERE.glob("*.txt")}
