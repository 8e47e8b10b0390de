"""Options that several commands share, declared once as a dataclass and spread over a command's signature.

A command line that is read from signatures (typer's is) sees one parameter for each option; the command gets
one value for each group:

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Login:
        accept_new: AcceptNew = False
        ask_password: AskPassword = False

    @spread
    def facts(*, clusterfile: Clusterfile, login: Login) -> None: ...

`facts` then has the options `clusterfile`, `accept_new` and `ask_password`, in that order.
"""

import dataclasses
import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any, get_type_hints

Command = Callable[..., None]


def spread(command: Command) -> Command:
    """The command with every parameter that is a dataclass replaced by that dataclass's fields.

    Groups are keyword-only parameters. Raises ValueError where two options have one name.
    """
    hints = get_type_hints(command, include_extras=True)
    parameters = inspect.signature(command).parameters
    groups = {name: hints[name] for name in parameters if dataclasses.is_dataclass(hints[name])}
    flat = [each for name in parameters for each in _spread(parameters[name], hints[name], groups)]

    def run(*given: Any, **options: Any) -> None:
        for name, group in groups.items():
            names = [field.name for field in dataclasses.fields(group)]
            options[name] = group(**{each: options.pop(each) for each in names if each in options})
        command(*given, **options)

    run.__name__, run.__doc__, run.__module__ = command.__name__, command.__doc__, command.__module__
    run.__signature__ = inspect.Signature(flat, return_annotation=None)  # type: ignore[attr-defined]  # inspect reads it
    run.__annotations__ = {each.name: each.annotation for each in flat}
    return run


def _spread(
    parameter: inspect.Parameter,
    hint: Any,
    groups: Mapping[str, Any],
) -> Iterator[inspect.Parameter]:
    if parameter.name not in groups:
        yield parameter.replace(annotation=hint)
        return
    hints = get_type_hints(hint, include_extras=True)
    for field in dataclasses.fields(hint):
        default = inspect.Parameter.empty if field.default is dataclasses.MISSING else field.default
        yield inspect.Parameter(
            field.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=hints[field.name]
        )
