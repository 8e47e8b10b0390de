"""Notes on the host which steps succeeded: a line each, appended by the very command that did the step."""

import shlex

from bundler.installer.facts import journal
from bundler.installer.plan.inputs import inputs_of, revision_of
from bundler.installer.plan.steps import Phase, Step, Write


def record(step: Step) -> str:
    """Shell text that notes the step's success.

    Nothing for a volatile step, which is done every time, nor for one that takes away: the journal goes too.
    """
    if step.always_run or step.phase is Phase.REMOVE:
        return ":"
    line = shlex.quote(journal.line(step.id, inputs_of(step), revision_of(step)))
    noted = f"mkdir -p -m 0700 {journal.STATE} && printf '%s\\n' {line} >>{journal.JOURNAL}"
    if isinstance(step, Write):
        noted += f" && printf '%s\\n' {shlex.quote(step.path)} >>{journal.STATE}/written"
    return noted
