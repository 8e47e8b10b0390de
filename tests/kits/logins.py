"""A server that requires a login, and what it was given."""

from bundler.builder.net.registry_logins import Credentials
from tests.kits.servers import Answer, Server, status

SECRET = "hunter-2"
OPS = Credentials("ops", SECRET)


def guarded(answer: Answer) -> Answer:
    """For ops alone."""

    def guard(handler: object) -> None:
        given = handler.headers.get("Authorization", "")  # type: ignore[attr-defined]
        (answer if given == OPS.basic() else status(401))(handler)  # type: ignore[arg-type]

    return guard


def given(server: Server, path: str) -> list[str]:
    return [headers.get("Authorization", "") for asked, headers in server.seen if asked == path]
