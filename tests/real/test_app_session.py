"""A cluster that does not answer, asked by the process that has Helm in it: it tries for ten seconds."""

from pathlib import Path

import pytest

from bundler.core.errors import BundlerError, ExitCode
from bundler.installer.operations import app_session
from bundler.installer.plan.app_bundle import HERE
from bundler.installer.plan.app_cluster import Place
from bundler.installer.transport.local import LocalTransport

NOBODY = """apiVersion: v1
kind: Config
current-context: here
clusters: [{name: here, cluster: {server: "https://127.0.0.1:1"}}]
users: [{name: me, user: {}}]
contexts: [{name: here, context: {cluster: here, user: me}}]
"""


@pytest.fixture
def kubeconfig(tmp_path: Path) -> Path:
    path = tmp_path / "kubeconfig"
    path.write_text(NOBODY)
    return path


def test_a_cluster_that_does_not_answer_ends_the_run_with_its_own_words(
    kubeconfig: Path, tmp_path: Path
) -> None:
    where = Place(str(kubeconfig), str(tmp_path), app_session._program(tmp_path))
    with pytest.raises(BundlerError) as caught:
        app_session._look(LocalTransport(HERE, as_caller=True), where, tmp_path)
    assert caught.value.code is ExitCode.HOST
    assert "127.0.0.1:1" in caught.value.why
