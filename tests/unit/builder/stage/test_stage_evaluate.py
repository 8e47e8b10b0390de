import hashlib
import os
import tarfile
from pathlib import Path
from typing import Any

import pytest

from bundler.core.errors import BundlerError, ExitCode, Location, Problems
from bundler.core.index import App, AppKind, AppRole


def rules(caught: Any) -> Any:
    return [(p.rule, p.location.line, p.location.column) for p in caught.value.problems]


def test_copy_follows_the_rules_of_a_dockerfile(site: Any) -> None:
    site.write(
        {"a": "A", "b.txt": "B", "d/x": "X", "d/e/y": "Y", "p/1.yaml": "1", "p/2.yaml": "2", "p/3.txt": "3"}
    )
    staged = site.build(
        "FROM scratch\n"
        "COPY a b.txt many/\n"
        "COPY a renamed\n"
        "COPY a /\n"
        "COPY d folder\n"
        "COPY p/*.yaml yaml/\n"
        "COPY a folder\n"
        "COPY a manifests\n"
    )
    assert site.shown(staged.tree) == {
        "a": "A",
        "folder/a": "A",
        "folder/e/y": "Y",
        "folder/x": "X",
        "manifests/a": "A",
        "many/a": "A",
        "many/b.txt": "B",
        "renamed": "A",
        "yaml/1.yaml": "1",
        "yaml/2.yaml": "2",
    }


def test_modes_do_not_tell_who_built(site: Any) -> None:
    site.write({"a": ("A", 0o600), "x": ("X", 0o711), "s": ("S", 0o600)})
    staged = site.build("FROM scratch\nCOPY a x d/\nCOPY --chmod=0600 s secret\n")
    assert {path: entry.mode for path, entry in staged.tree.files()} == {
        "d/a": 0o644,
        "d/x": 0o755,
        "secret": 0o600,
    }


def test_links_are_kept_inside_folders_and_followed_when_named(site: Any) -> None:
    site.write({"d/a": "A"})
    (site.context / "d" / "link").symlink_to("a")
    (site.context / "named").symlink_to("d/a")
    staged = site.build("FROM scratch\nCOPY d d\nCOPY named x/\n")
    assert site.shown(staged.tree) == {"d/a": "A", "d/link": "-> a", "x/named": "A"}


def test_kubeignore_leaves_out(site: Any) -> None:
    site.write(
        {
            ".kubeignore": "**/*.md\n.git\n!keep.md\n",
            "a.md": "",
            "keep.md": "k",
            "d/b.md": "",
            "d/c": "c",
            ".git/x": "",
        }
    )
    staged = site.build("FROM scratch\nCOPY . all\n")
    assert sorted(staged.tree.entries) == ["all/.kubeignore", "all/d/c", "all/keep.md"]
    with pytest.raises(Problems, match=r"\.kubeignore leaves it out"):
        site.build("FROM scratch\nCOPY a.md x\n")


def test_variables_and_heredocs(site: Any) -> None:
    site.write({"amd64/tool": "T"})
    staged = site.build(
        'ARG V=1\nFROM scratch\nARG V\nARG W=$V.2\nENV NAME="a b" W2=${W}\n'
        "LABEL version=$W2 arch=$TARGETARCH\n"
        "COPY ${ARCH}/tool bin/tool-$W\n"
        'COPY <<one <<"two" etc/\n$NAME "q" \\$X\none\n$NAME\ntwo\n'
    )
    assert site.shown(staged.tree) == {"bin/tool-1.2": "T", "etc/one": 'a b "q" $X\n', "etc/two": "$NAME\n"}
    assert staged.env == {"NAME": "a b", "W2": "1.2"}
    assert staged.labels == {"version": "1.2", "arch": "amd64"}


def test_build_args_win_and_must_be_known(site: Any) -> None:
    staged = site.build("FROM scratch\nARG V=1\nLABEL v=$V\n", build_args={"V": "2"})
    assert staged.labels == {"v": "2"}
    with pytest.raises(BundlerError, match=r"no ARG is called VV.*\[unused-build-arg\]") as caught:
        site.build("FROM scratch\nARG V=1\n", build_args={"VV": "2"})
    assert caught.value.fix == "did you mean V?"


def test_all_missing_files_are_told_before_anything_runs(site: Any) -> None:
    site.write({"a": ""})
    (site.context / "out").symlink_to("/etc/passwd")
    os.mkfifo(site.context / "pipe")
    with pytest.raises(Problems) as caught:
        site.build(
            "FROM scratch\nRUN touch ran\nCOPY a nothing x/\nCOPY out y\nAPP b local://../c\nCOPY *.z z\n"
        )
    assert rules(caught) == [
        ("source-not-found", 3, 8),
        ("source-outside", 4, 6),
        ("source-outside", 5, 7),
        ("source-not-found", 6, 6),
    ]
    assert caught.value.code is ExitCode.NOT_FOUND
    assert site.heard.said == []


@pytest.mark.parametrize(
    ("line", "rule", "column"),
    [
        ("COPY a b x", "needs-folder", 6),
        ("COPY a ../x", "bad-path", 8),
        ("COPY u .", "path-conflict", 6),
        ("COPY a e/f/g/", "path-conflict", 6),
        ("COPY pipe x", "source-special", 6),
        ("ADD --unpack a x", "bad-archive", 14),
        ("FROM --platform=linux/arm64 scratch", "bad-platform", 6),
    ],
)
def test_faults_stand_at_their_place(line: str, rule: str, column: int, site: Any) -> None:
    site.write({"a": "A", "b": "B", "t/d/x": "X", "t/e/f": "F", "u/d": "U"})
    os.mkfifo(site.context / "pipe")
    head = "" if line.startswith("FROM") else "FROM scratch\nCOPY t .\n"
    with pytest.raises(BundlerError) as caught:
        site.build(head + line)
    match caught.value:
        case Problems() as problems:
            assert [(p.rule, p.location.column) for p in problems.problems] == [(rule, column)]
        case error:
            assert rule == "bad-archive"
            assert error.code is ExitCode.INTEGRITY
            assert isinstance(error.where, Location)
            assert error.where.column == column


def test_a_special_file_is_named_with_its_kind(site: Any) -> None:
    (site.context / "run").mkdir()
    os.mkfifo(site.context / "run/pipe")
    with pytest.raises(Problems) as caught:
        site.build("FROM scratch\nCOPY run etc/\n")
    (problem,) = caught.value.problems
    assert problem.message.startswith("run/pipe is a named pipe;")
    assert problem.hint == "remove it, or write run/pipe into .kubeignore"


def test_a_shell_app_may_have_capitals_and_a_chart_not(site: Any) -> None:
    site.write({"go.sh": "true\n", "c/Chart.yaml": "name: c\nversion: 1.0.0\n", "c/templates/a.yaml": ""})
    staged = site.build('FROM scratch\nAPP orderDesk local://go.sh\nLAUNCH ["orderDesk"]\n')
    assert [(app.name, app.kind) for app in staged.apps] == [("orderDesk", AppKind.SHELL)]
    with pytest.raises(Problems) as caught:
        site.build("FROM scratch\nAPP orderDesk local://c\n")
    assert rules(caught) == [("bad-app-name", 2, 5)]
    assert "APP orderdesk" in str(caught.value)


def test_add_unpacks_only_when_asked(site: Any) -> None:
    site.write({"src/d/a": "A"})
    with tarfile.open(site.context / "x.tgz", "w:gz") as archive:
        archive.add(site.context / "src", arcname="src")
    staged = site.build("FROM scratch\nADD x.tgz packed/\nADD --unpack x.tgz bin\n")
    assert sorted(staged.tree.entries) == ["bin/src/d/a", "packed/x.tgz"]


def test_add_fetches_with_checksum(site: Any, tmp_path: Path) -> None:
    (tmp_path / "tool v1").write_text("T")
    digest = hashlib.sha256(b"T").hexdigest()
    url = (tmp_path / "tool v1").as_uri()
    staged = site.build(f"FROM scratch\nADD --chmod=755 --checksum=sha256:{digest} {url} bin/\nADD {url} t\n")
    assert {path: entry.mode for path, entry in staged.tree.files()} == {"bin/tool v1": 0o755, "t": 0o644}


def test_a_wrong_checksum_stops_the_build(site: Any, tmp_path: Path) -> None:
    (tmp_path / "f").write_text("F")
    site.write({"f": "F"})
    for source in ((tmp_path / "f").as_uri(), "f"):
        with pytest.raises(BundlerError) as caught:
            site.build(f"FROM scratch\nADD --checksum=sha256:{'0' * 64} {source} x\n")
        assert caught.value.code is ExitCode.INTEGRITY
        assert isinstance(caught.value.where, Location)
        assert caught.value.where.line == 2


def test_what_an_app_is_shows_in_its_files(site: Any) -> None:
    site.write(
        {
            "chart/Chart.yaml": "name: c\n", "chart/templates/a.yaml": "", "chart/values.yaml": "",
            "kube/a.yaml": "", "kube/b.yml.tmpl": "", "sh/install.sh": "", "other/a.txt": "",
        }
    )  # fmt: skip
    staged = site.build(
        "FROM scratch\nENV X=1\nAPP chart local://chart\nAPP kube local://kube\nAPP sh local://sh/install.sh\n"
        'APP other local://other\nAPPCMDS other ["cat a.txt"]\nAPPENV other A=$X B="2 3"\nAPPENV other A=9\n'
        'CSI disk local://kube/a.yaml\nCNI net local://kube/a.yaml\nLAUNCH ["sh", "chart"]\n'
    )
    at = "application/apps/"
    assert staged.apps == (
        App("chart", AppKind.HELM, AppRole.APP, at + "chart"),
        App("kube", AppKind.KUBE, AppRole.APP, at + "kube"),
        App("sh", AppKind.SHELL, AppRole.APP, at + "sh"),
        App(
            "other",
            AppKind.COMMANDS,
            AppRole.APP,
            at + "other",
            (("sh", "-c", "cat a.txt"),),
            {"A": "9", "B": "2 3"},
        ),
        App("disk", AppKind.KUBE, AppRole.CSI, at + "disk"),
        App("net", AppKind.KUBE, AppRole.CNI, at + "net"),
    )
    assert staged.launch == ("net", "disk", "sh", "chart")
    assert "application/apps/sh/install.sh" in staged.tree.entries


def test_a_packed_chart_is_unpacked(site: Any) -> None:
    site.write({"web/Chart.yaml": "name: web\n", "web/templates/a.yaml": "", "other/x": ""})
    for name in ("web", "other"):
        with tarfile.open(site.context / f"{name}-1.0.tgz", "w:gz") as archive:
            archive.add(site.context / name, arcname=name)
    staged = site.build("FROM scratch\nAPP web local://web-1.0.tgz\nLAUNCH web\n")
    assert staged.apps[0].kind is AppKind.HELM
    at = "application/apps/web/"
    assert sorted(staged.tree.entries) == [at + "Chart.yaml", at + "templates/a.yaml"]
    staged = site.build('FROM scratch\nAPP other local://other-1.0.tgz\nAPPCMDS other ["tar x"]\n')
    assert sorted(staged.tree.entries) == ["application/apps/other/other-1.0.tgz"]
    site.write({"bad.tgz": "no archive"})
    with pytest.raises(BundlerError) as caught:
        site.build("FROM scratch\nAPP bad local://bad.tgz\n")
    assert isinstance(caught.value.where, Location)
    assert (caught.value.code, caught.value.where.line) == (ExitCode.INTEGRITY, 2)


def test_an_app_that_nothing_can_launch_is_told_at_its_line(site: Any) -> None:
    site.write({"a.txt": ""})
    with pytest.raises(Problems) as caught:
        site.build("FROM scratch\nAPP web local://a.txt\n")
    assert rules(caught) == [("app-kind-unknown", 2, 5)]


def test_an_app_may_have_a_namespace_and_be_privileged(site: Any) -> None:
    site.write({"a.yaml": ""})
    text = "FROM scratch\nARG NS=db\nAPP --namespace=$NS --privileged x local://a.yaml\n"
    (app,) = site.build(text).apps
    assert (app.namespace, app.privileged) == ("db", True)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("APP --namespace=Db x local://a.yaml", "not a namespace: Db"),
        ("ARG NS=a.b\nAPP --namespace=$NS x local://a.yaml", "not a namespace: a.b"),
        ("APP --namespace= x local://a.yaml", "needs a value"),
        ("APP --privileged=maybe x local://a.yaml", "on or off"),
        ("APP --namespace=db x local://b.sh", "choose their namespaces themselves"),
    ],
)
def test_a_namespace_that_can_not_be_is_refused(site: Any, line: str, message: str) -> None:
    site.write({"a.yaml": "", "b.sh": ""})
    with pytest.raises(Problems, match=message):
        site.build(f"FROM scratch\n{line}\n")


def test_a_later_app_takes_the_place_of_a_former_one(site: Any) -> None:
    site.write({"a.yaml": "", "b.sh": ""})
    staged = site.build("FROM scratch\nAPP x local://a.yaml\nAPPENV x A=1\nAPP x local://b.sh\n")
    assert staged.apps == (App("x", AppKind.SHELL, AppRole.APP, "application/apps/x"),)
    assert sorted(staged.tree.entries) == ["application/apps/x/b.sh"]


def test_launch_chooses_among_plug_ins(site: Any) -> None:
    site.write({"a.yaml": ""})
    text = "FROM scratch\nCNI one local://a.yaml\nCNI two local://a.yaml\nAPP x local://a.yaml\n"
    assert site.build(text + "LAUNCH x two\n").launch == ("two", "x")
    with pytest.raises(Problems) as caught:
        site.build(text)
    assert rules(caught) == [("launch-plugin-choice", 3, 5)]


def test_a_base_gives_files_env_labels_and_apps_but_not_what_is_launched(site: Any) -> None:
    base = site.build_context.catalogue.root / "base"
    base.mkdir(parents=True)
    (base / "net.yaml").write_text("n")
    (base / "Kubefile").write_text(
        "FROM scratch\nARG V=1\nENV X=$V\nLABEL a=1 b=1\nCOPY net.yaml etc/\nCNI net local://net.yaml\n"
        'KUBEVERSION >=1.20\nIMAGE a:1\nPACKAGE debian:bookworm p q\nCMDS ["x"]\n'
    )
    site.write({"etc/mine": "m", "a.yaml": ""})
    staged = site.build(
        "FROM base\nCOPY etc etc\nLABEL b=2 c=$X\nAPP web local://a.yaml\nKUBEVERSION <1.30\nIMAGE b:$X\n",
        build_args={"V": "7"},
    )
    assert sorted(staged.tree.entries) == [
        "application/apps/net/net.yaml",
        "application/apps/web/a.yaml",
        "etc/mine",
        "etc/net.yaml",
    ]
    assert staged.env == {"X": "7"}
    assert staged.labels == {"a": "1", "b": "2", "c": "7"}
    assert staged.launch == ("net",)
    assert staged.commands == ()
    assert staged.kube_versions == (">=1.20", "<1.30")
    assert [(wish.reference, wish.context) for wish in staged.images] == [
        ("a:1", base),
        ("b:7", site.context),
    ]
    assert [(wish.suite, wish.name) for wish in staged.packages] == [
        ("debian:bookworm", "p"),
        ("debian:bookworm", "q"),
    ]


def test_a_wish_knows_its_line(site: Any) -> None:
    (wish,) = site.build("FROM scratch\n  IMAGE nginx:1\n").images
    assert (wish.location.line, wish.location.column, wish.line) == (2, 9, "  IMAGE nginx:1")


def test_old_commands_add_up(site: Any) -> None:
    assert site.build("FROM scratch\nCMD a b\nCMD c\n").commands == ("a b", "c")


def test_bases_by_path_and_their_cycles(site: Any) -> None:
    folder = site.context.parent / "sub"
    folder.mkdir()
    (folder / "Kubefile").write_text("FROM scratch\nENV A=1\n")
    assert site.build("FROM ./sub\n").env == {"A": "1"}
    (folder / "Kubefile").write_text("FROM ..\n")
    with pytest.raises(Problems) as caught:
        site.build("FROM ./sub\n")
    assert rules(caught) == [("from-cycle", 1, 6)]


@pytest.mark.parametrize("base", ["kubernetes:v1.22", "quay.io/a/b@sha256:" + "0" * 64])
def test_images_as_bases_are_refused_by_name(base: str, site: Any) -> None:
    with pytest.raises(BundlerError, match="an image can't be a base") as caught:
        site.build(f"FROM {base}\n")
    assert caught.value.code is ExitCode.UNSUPPORTED
    assert base in caught.value.what
    assert f"FROM oci://{base}" in caught.value.fix


def test_warnings_are_said_and_do_not_stop(site: Any) -> None:
    site.build("FROM scratch\nCMD a\n")
    assert len(site.heard.said) == 1
    assert site.heard.said[0].startswith("warning: ")
    assert "[cmd-old-form]" in site.heard.said[0]


def test_required_variables_stop_the_build(site: Any) -> None:
    with pytest.raises(Problems, match="VERSION is not set: say which") as caught:
        site.build('FROM scratch\nARG VERSION\nLABEL v="${VERSION:?say which}"\n')
    assert rules(caught) == [("bad-expansion", 3, 10)]


def test_the_kubernetes_that_is_installed_is_held_against_kubeversion(site: Any) -> None:
    site.write({"b/Kubefile": "FROM scratch\nKUBEVERSION >=1.22\nLABEL io.kubernetes.version=v1.24.1\n"})
    assert site.build("FROM ctx/b\nKUBEVERSION ~1.24\n").kube_versions == (">=1.22", "~1.24")
    with pytest.raises(Problems, match=r"installs Kubernetes v1.24.1, which is not in >=1.25") as caught:
        site.build("FROM ctx/b\nKUBEVERSION >=1.22\nKUBEVERSION >=1.25\n")
    assert rules(caught) == [("kube-version-unfit", 3, 13)]
    with pytest.raises(Problems) as caught:
        site.build("FROM ctx/b\nLABEL io.kubernetes.version=1.20.2\n")
    assert [(p.rule, p.location.file.endswith("b/Kubefile")) for p in caught.value.problems] == [
        ("kube-version-unfit", True)
    ]
    assert site.build("FROM scratch\nKUBEVERSION >=1.25\n").kube_versions == (">=1.25",)
