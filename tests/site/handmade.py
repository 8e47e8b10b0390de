"""A folder with all that byhand/up.sh needs, taken out of a .run: what a person would carry there."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from bundler.builder.charts.helm import RenderRequest, SdkHelm
from bundler.core.archive import Bundle
from bundler.core.index import App, AppKind, AppRole
from tests.site.spec import SiteSpec

_SCRIPTS = Path(__file__).parent / "byhand"


def lay_out(spec: SiteSpec, run_file: Path, folder: Path, scratch: Path) -> None:
    """Fill `folder` from the .run; `scratch` gets what is only needed on the way."""
    shutil.copytree(_SCRIPTS, folder)
    with Bundle.open(run_file) as bundle:
        _take(bundle, "images/", folder / "images")
        _take(bundle, "packages/", scratch / "packages")
        _take(bundle, "root/bin/", folder / "bin")
        _take(bundle, "root/cri/", folder / "cri")
        _take(bundle, "root/application/apps/", scratch / "apps")
        apps, version = bundle.index.apps, bundle.index.kubernetes
        etcd = next(image.name for image in bundle.index.images if "/etcd:" in image.name)
        (folder / "network.yaml").write_text(_manifests(apps, scratch / "apps", AppRole.CNI))
        (folder / "apps.yaml").write_text(_manifests(apps, scratch / "apps", AppRole.APP))
    (folder / "packages").mkdir()
    for package in scratch.glob(f"packages/debian-{spec.machines[0].suite}/*.deb"):
        package.rename(folder / "packages" / package.name)
    text = (folder / "kubeadm.yml.in").read_text()
    filled = {"ADDRESS": str(spec.machines[0].address), "VERSION": version, "ETCD": etcd.rpartition(":")[2]}
    for name, value in filled.items():
        text = text.replace(f"@{name}@", value)
    (folder / "kubeadm.yml").write_text(text)
    (folder / "hosts").write_text("".join(f"{each.address} {each.name}\n" for each in spec.machines))


def _take(bundle: Bundle, prefix: str, folder: Path) -> None:
    for member in bundle.index.members:
        if not member.path.startswith(prefix):
            continue
        target = folder / member.path.removeprefix(prefix)
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as file:
            file.writelines(bundle.chunks(member))
        target.chmod(member.mode)


def _manifests(apps: tuple[App, ...], folder: Path, role: AppRole) -> str:
    return "\n---\n".join(text for app in apps if app.role is role for text in _texts(app, folder / app.name))


def _texts(app: App, folder: Path) -> Iterator[str]:
    if app.kind is not AppKind.HELM:
        yield from (path.read_text() for path in sorted(folder.glob("**/*.y*ml")))
        return
    chart = next(folder.glob("**/Chart.yaml")).parent
    yield from SdkHelm().render(RenderRequest(chart, app.name), app.name).values()
