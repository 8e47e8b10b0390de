"""A refusal as an error for people: what, where, why, how to go on; nothing was changed."""

from typing import Final

from bundler.core.errors import BundlerError
from bundler.installer.plan.cluster.steps import Refusal, Refused

_RUN: Final = "./product.run"
_FILE: Final = "site.yaml"


class RefusedError(BundlerError):
    """Every reason to do nothing. Its code is that of the gravest."""

    def __init__(self, refused: Refused, site: str, *, run: str = _RUN, file: str = _FILE) -> None:
        first = refused.refusals[0]
        super().__init__(
            first.what, code=refused.code, where=first.where, why=first.why, fix=first.fix, id=first.rule
        )
        self.refused = refused
        self.site = site
        self.run = run
        self.file = file

    def __str__(self) -> str:
        blocks = [_block(each) for each in self.refused.refusals]
        end = f"Nothing was changed. Exit code {int(self.code)} ({self.code.name})"
        text = "\n\n".join([*blocks, end])
        return text.replace("{run}", self.run).replace("{file}", self.file)


def _block(refusal: Refusal) -> str:
    lines = [f"error[{refusal.rule}] {refusal.what}"]
    for name, text in (("where", refusal.where), ("why", refusal.why), ("fix", refusal.fix)):
        lines.append(f"  {name:<6} {text}")
    return "\n".join(lines)
