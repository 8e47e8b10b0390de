"""A folder with all that byhand/up.sh needs, taken out of a .run: what a person would carry there."""

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from bundler.builder.charts.helm import RenderRequest, SdkHelm
from bundler.core.archive import Bundle
from bundler.core.index import App, AppKind, AppRole
from tests.site.spec import SiteSpec

_SCRIPTS = Path(__file__).parent / "byhand"
_ENDPOINT = "api.by-hand.internal"  # the first machine, everywhere: the fewest commands balance nothing


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
        images = tuple(image.name for image in bundle.index.images)
        (folder / "network.yaml").write_text(_manifests(apps, scratch / "apps", AppRole.CNI))
        (folder / "apps.yaml").write_text(_manifests(apps, scratch / "apps", AppRole.APP))
    (folder / "packages").mkdir()
    for package in scratch.glob(f"packages/debian-{spec.machines[0].suite}/*.deb"):
        package.rename(folder / "packages" / package.name)
    first = spec.machines[0]
    filled = {
        "ADDRESS": str(first.address),
        "ENDPOINT": _ENDPOINT,
        "VERSION": version,
        "ETCD": _named(images, "etcd").rpartition(":")[2],
        "PAUSE": _named(images, "pause"),
    }
    _fill(folder / "kubeadm.yml.in", filled)
    _fill(folder / "containerd.toml.in", filled)
    names = [f"{each.address} {each.name}\n" for each in spec.machines]
    (folder / "hosts").write_text("".join([*names, f"{first.address} {_ENDPOINT}\n"]))


def _named(images: tuple[str, ...], name: str) -> str:
    """The image whose path ends in this name."""
    return next(image for image in images if f"/{name}:" in image)


def _fill(template: Path, filled: Mapping[str, str]) -> None:
    """Write the file beside the template, named without `.in`, with its `@NAME@`s replaced."""
    text = template.read_text()
    for name, value in filled.items():
        text = text.replace(f"@{name}@", value)
    template.with_suffix("").write_text(text)


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
