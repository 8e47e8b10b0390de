"""What is to say of one error id beyond the message that carries it."""

from dataclasses import dataclass

from bundler.core.errors import ExitCode


@dataclass(frozen=True, slots=True)
class Explanation:
    """id: stable, such as `BND-QUORUM`. causes: what brings it about, the most frequent first.

    steps: what to do, in order. code: the exit code that it usually comes with.
    """

    id: str
    title: str
    causes: tuple[str, ...]
    steps: tuple[str, ...]
    code: ExitCode

    def text(self) -> str:
        """For a terminal: a heading, the causes, the steps; lines of any length."""
        return "\n".join(
            [
                f"{self.id}: {self.title}",
                "",
                "Why it happens:",
                *(f"  - {cause}" for cause in self.causes),
                "",
                "What to do:",
                *(f"  {number}. {step}" for number, step in enumerate(self.steps, 1)),
                "",
                f"Exit code: {self.code.value} ({self.code.name})",
            ]
        )

    def markdown(self) -> str:
        """The same as a section of a page."""
        causes = "\n".join(f"- {cause}" for cause in self.causes)
        steps = "\n".join(f"{number}. {step}" for number, step in enumerate(self.steps, 1))
        return (
            f"### {self.id}\n\n{self.title[0].upper()}{self.title[1:]}. Exit code {self.code.value} "
            f"({self.code.name}).\n\nWhy it happens:\n\n{causes}\n\nWhat to do:\n\n{steps}\n"
        )
