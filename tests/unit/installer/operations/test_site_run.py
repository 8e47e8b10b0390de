"""A run's patience with an API whose host it has just mended."""

from types import SimpleNamespace

import pytest

from bundler.core.errors import BundlerError, ExitCode
from bundler.installer.operations.site_run import SiteRun
from bundler.installer.plan.steps import Await, Plan
from tests.unit.installer.plan import kit

OF = kit.site(1, control_planes=3)
FIRST, SECOND, _, _ = (host.address for host in OF.hosts)


def site_run(reached: tuple[str, ...], error: BundlerError | None = None) -> tuple[SiteRun, list[Plan]]:
    carried: list[Plan] = []

    def carry_out(plan: Plan) -> None:
        carried.append(plan)
        if error is not None:
            raise error

    session = SimpleNamespace(site=OF, title="demo", transports=dict.fromkeys(reached))
    return SiteRun(session, carry_out), carried  # type: ignore[arg-type]  # stands for a session


def test_the_api_is_waited_for_once_on_a_control_plane_that_answers() -> None:
    doing, carried = site_run((SECOND,))
    assert (doing.api_comes(), doing.api_comes()) == (True, False)
    ((step,),) = (plan.steps for plan in carried)
    assert isinstance(step, Await)
    assert (step.host, step.subject) == (SECOND, "the API to answer")


@pytest.mark.parametrize("reached", [(FIRST,), ()])
def test_an_api_that_does_not_come_is_no_error_of_its_own(reached: tuple[str, ...]) -> None:
    doing, _ = site_run(reached, BundlerError("still silent", code=ExitCode.NOT_READY))
    assert not doing.api_comes()


def test_a_wait_can_be_interrupted() -> None:
    doing, _ = site_run((FIRST,), BundlerError("stopped", code=ExitCode.INTERRUPTED))
    with pytest.raises(BundlerError, match="stopped"):
        doing.api_comes()
