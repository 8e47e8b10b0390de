"""Lint rules about what is launched: apps and their names, LAUNCH, CMDS and the old CMD."""

import json
from collections.abc import Mapping, Sequence

from bundler.builder.kubefile.instructions import App, AppCmds, AppEnv, Cmds, Instruction, Launch
from bundler.builder.kubefile.source import Findings, did_you_mean
from bundler.builder.kubefile.words import Word
from bundler.core.index import AppRole


def check_apps(
    instructions: tuple[Instruction, ...], inherited: Mapping[str, AppRole] | None, findings: Findings
) -> None:
    """Names of apps: defined twice, or named and not defined.

    inherited: the base's apps, None where they can't be known.
    """
    known = dict(inherited or {})
    own: dict[str, int] = {}
    for instruction in instructions:
        match instruction:
            case App(name=name, role=role):
                if name.text in own:
                    message = f"{name.text} was defined in line {own[name.text]}; this one takes its place"
                    findings.add(
                        name.location, "app-twice", message, "give the apps two names, or remove one"
                    )
                own[name.text] = name.location.line
                known[name.text] = role
            case AppCmds(name=name) | AppEnv(name=name) if inherited is not None and name.text not in known:
                hint = did_you_mean(name.text, tuple(known)) or "define it above with APP"
                findings.add(name.location, "app-unknown", f"there is no app {name.text} above", hint)
            case Launch(names=names) if inherited is not None:
                _check_launch(names, known, findings)
            case _:
                pass


def _check_launch(names: tuple[Word, ...], known: Mapping[str, AppRole], findings: Findings) -> None:
    for word in names:
        if word.text not in known and "$" not in word.text:
            hint = did_you_mean(word.text, tuple(known)) or "define it above with APP"
            findings.add(word.location, "launch-unknown-app", f"there is no app {word.text}", hint)
    plugins = sorted(name for name, role in known.items() if role is AppRole.CNI)
    if len(plugins) > 1 and not any(word.text in plugins for word in names):
        hint = f"name one of {', '.join(plugins)} in LAUNCH"
        findings.add(names[0].location, "launch-plugin-choice", "there are several CNI plug-ins", hint)


def check_end(instructions: tuple[Instruction, ...], findings: Findings) -> None:
    """One LAUNCH or CMDS, at the end; the old CMD may stand anywhere and several times."""
    launches = [i for i in instructions if isinstance(i, Launch)]
    lists = [i for i in instructions if isinstance(i, Cmds)]
    _check_old(lists, findings)
    ends = [i for i in instructions if isinstance(i, Launch) or (isinstance(i, Cmds) and not i.old)]
    if launches and lists:
        hint = "keep LAUNCH, and give an app its commands with APPCMDS"
        findings.add(lists[0].location, "launch-and-cmds", "there is a LAUNCH too", hint)
    for extra in ends[1:]:
        if type(extra) is type(ends[0]):
            findings.add(
                extra.location, "launch-twice", "there is one already", "write all names into one list"
            )
    for end in ends[:1]:
        if end is not instructions[-1] and instructions[-1] not in ends:
            findings.add(
                end.location, "launch-not-last", "this must be the last instruction", "move it to the end"
            )


def _check_old(lists: Sequence[Cmds], findings: Findings) -> None:
    """Each CMD; the first one says what to write for all of them together."""
    old = [each for each in lists if each.old]
    for each in old:
        if each is old[0]:
            listed = json.dumps([line for one in lists for line in one.lines], ensure_ascii=False)
            instead = "in their place" if len(lists) > 1 else "in its place"
            hint = (
                f"write CMDS {listed} at the end, {instead}"
                if listed != "[]"
                else "remove it: it runs nothing"
            )
        else:
            hint = f"it belongs into the one CMDS, see line {old[0].location.line}"
        findings.add(each.location, "cmd-old-form", "CMD is an old form", hint)
