"""Names of environment variables: they end up in shells that run as root, so a name is never code.

A variable that decides which program starts, or what it does before its own work (`PATH`, `LD_PRELOAD`,
`BASH_ENV`), is refused wherever somebody else's file would set it: no app needs it.
"""

import re
from typing import Final

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_STEERING: Final = frozenset(
    {
        *(
            "BASHOPTS",
            "BASH_ENV",
            "BASH_XTRACEFD",
            "CDPATH",
            "ENV",
            "GLOBIGNORE",
            "IFS",
            "PATH",
            "POSIXLY_CORRECT",
        ),
        *("PROMPT_COMMAND", "PS4", "SHELL", "SHELLOPTS", "TAR_OPTIONS", "GCONV_PATH", "LOCPATH", "NLSPATH"),
        *(
            "PERL5DB",
            "PERL5LIB",
            "PERL5OPT",
            "PYTHONHOME",
            "PYTHONPATH",
            "PYTHONSTARTUP",
            "RUBYLIB",
            "RUBYOPT",
        ),
        *(
            "GIT_EXEC_PATH",
            "GIT_SSH",
            "GIT_SSH_COMMAND",
            "LESSCLOSE",
            "LESSOPEN",
            "SSH_ASKPASS",
            "SUDO_ASKPASS",
        ),
        *("OPENSSL_CONF", "OPENSSL_ENGINES", "OPENSSL_MODULES", "SSLKEYLOGFILE"),
    }
)
_FAMILIES: Final = ("LD_", "DYLD_", "BASH_FUNC_", "GLIBC_", "MALLOC_")


def why_not(name: str) -> str:
    """Why this can't be the name of a variable, in words that follow the name; "" when it can."""
    if not _NAME.fullmatch(name):
        return "is no name for a variable: letters, digits and _, not starting with a digit"
    if name in _STEERING or name.startswith(_FAMILIES):
        return "can't be set: it changes how programs are found and started"
    return ""
