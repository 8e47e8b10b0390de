"""What holds between a block and what it is laid over. Pure."""

from collections.abc import Mapping

from bundler.builder.catalogue.entry import Nodes, read_entry
from bundler.builder.kubefile.instructions import App
from bundler.builder.stage.load import Loaded
from bundler.builder.stage.state import State
from bundler.core.errors import Problems
from bundler.core.host_needs import HostNeeds

BLOCK_LABEL = "io.bundler.block."  # with a block's name behind it: its version

_VERSION = "org.opencontainers.image.version"


def check_apps(before: State, after: State, block: Loaded) -> None:
    """See that a block takes no app's place. Raises Problems."""
    for instruction in block.rest:
        if not isinstance(instruction, App) or instruction.name.text not in before.apps:
            continue
        name = instruction.name
        other = before.apps[name.text].location
        message = f"the block {block.block} brings the app {name.text}, and so does {other}"
        hint = "leave one of the two out, or include a block that names its app differently"
        raise Problems((after.apps[name.text].source.problem(name.location, "include-app", message, hint),))


def labels_of(before: State, after: State, block: Loaded) -> Mapping[str, str]:
    """The labels behind a block: those of the product, its own version, and what it wants of hosts.

    Raises Problems for an entry.yaml that can't be read.
    """
    version = after.labels.get(_VERSION, "")
    own = version if version != before.labels.get(_VERSION, "") else ""
    name = block.path.parent.name
    entry = read_entry(block.path.parent)
    return {
        **before.labels,
        f"{BLOCK_LABEL}{name}": own,
        **_of_hosts(before, entry.nodes if entry else Nodes()),
    }


def _of_hosts(before: State, nodes: Nodes) -> Mapping[str, str]:
    """What all blocks so far want of the hosts' kernels."""
    return HostNeeds.of(before.labels).also(nodes.modules, nodes.sysctls).labels
