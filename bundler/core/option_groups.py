"""Options that several commands share, declared once as a dataclass and spread over a command's signature.

A command line that is read from signatures (typer's is) sees one parameter for each option; the command gets
one value for each group:

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Login:
        accept_new: AcceptNew = False
        ask_password: AskPassword = False

    @spread
    def facts(*, clusterfile: Clusterfile, login: Login) -> None: ...

`facts` then has the options `clusterfile`, `accept_new` and `ask_password`, in that order. A field that is a
group itself is spread, too.
"""

import dataclasses
import inspect
from collections.abc import Callable, Iterator
from typing import Any, get_type_hints

Command = Callable[..., None]


def spread(command: Command) -> Command:
    """The command with every parameter that is a dataclass replaced by that dataclass's fields.

    Groups are keyword-only parameters. Raises ValueError where two options have one name.
    """
    hints = get_type_hints(command, include_extras=True)
    parameters = inspect.signature(command).parameters
    groups = {name: hints[name] for name in parameters if dataclasses.is_dataclass(hints[name])}
    flat = [each for name in parameters for each in _flat(parameters[name].replace(annotation=hints[name]))]

    def run(*given: Any, **options: Any) -> None:
        for name, group in groups.items():
            options[name] = _gathered(group, options)
        command(*given, **options)

    run.__name__, run.__doc__, run.__module__ = command.__name__, command.__doc__, command.__module__
    run.__signature__ = inspect.Signature(flat, return_annotation=None)  # type: ignore[attr-defined]  # inspect reads it
    run.__annotations__ = {each.name: each.annotation for each in flat}
    return run


def _flat(parameter: inspect.Parameter) -> Iterator[inspect.Parameter]:
    """The parameter, or those of the group that it is."""
    group = parameter.annotation
    if not dataclasses.is_dataclass(group):
        yield parameter
        return
    hints = get_type_hints(group, include_extras=True)
    for field in dataclasses.fields(group):
        default = inspect.Parameter.empty if field.default is dataclasses.MISSING else field.default
        yield from _flat(
            inspect.Parameter(
                field.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=hints[field.name]
            )
        )


def _gathered(group: Any, options: dict[str, Any]) -> Any:
    """The group's value; its options are taken out of `options`."""
    hints = get_type_hints(group, include_extras=True)
    values: dict[str, Any] = {}
    for field in dataclasses.fields(group):
        if dataclasses.is_dataclass(hints[field.name]):
            values[field.name] = _gathered(hints[field.name], options)
        elif field.name in options:
            values[field.name] = options.pop(field.name)
    return group(**values)
