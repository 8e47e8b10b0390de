"""Every rule a Kubefile can break: a stable id, how bad it is, one line about it (docs/kubefile.md)."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. Ids are never reused for another meaning: users write them into their CI settings."""

    id: str
    text: str
    warning: bool = False


def _table(*rules: Rule) -> Mapping[str, Rule]:
    return MappingProxyType({rule.id: rule for rule in rules})


RULES = _table(
    # the text itself
    Rule("not-utf8", "A Kubefile is UTF-8 text."),
    Rule("too-large", "A Kubefile has at most 4 MiB."),
    Rule("escape-directive", "Only the backslash continues lines; `# escape=` is not supported."),
    Rule("empty-continuation", "An empty line inside a continued instruction is skipped.", warning=True),
    Rule(
        "dangling-continuation", "The file ends in a backslash: the instruction may be cut off.", warning=True
    ),
    Rule("unclosed-heredoc", "A heredoc ends with its name on a line of its own."),
    Rule("unclosed-quote", "A quote that is opened must be closed."),
    Rule(
        "bad-expansion",
        "A variable is written $NAME or ${NAME}, ${NAME:-default}, ${NAME:+other}, ${NAME:?why}.",
    ),
    Rule("trailing-comment", "A comment must be on a line of its own."),
    # one instruction
    Rule("unknown-instruction", "The word at the start of a line names an instruction."),
    Rule("unsupported-instruction", "Dockerfile instructions about containers mean nothing in a bundle."),
    Rule("unknown-flag", "An instruction accepts only its own flags."),
    Rule("unsupported-flag", "Some Dockerfile flags are not supported in a bundle."),
    Rule("bad-flag", "A flag needs a value of the right form."),
    Rule("missing-argument", "The instruction lacks an argument."),
    Rule("extra-argument", "The instruction has more arguments than it can use."),
    Rule("bad-assignment", "ARG, ENV, LABEL and APPENV take NAME=value."),
    Rule("bad-json", 'The list form is JSON: ["a", "b"], in double quotes.'),
    Rule(
        "bad-app-name",
        "App names are letters, digits, `-`, `.` and `_`; a chart's is a Helm release and has no capitals.",
    ),
    Rule(
        "bad-source",
        "APP, CNI and CSI take local://PATH, https://URL or a chart (oci://, chart+https://), ADD a path or "
        "a URL, COPY a path.",
    ),
    Rule(
        "bad-image",
        "IMAGE takes a registry reference or docker-archive:, oci-archive:, oci:, docker-daemon:, docker://.",
    ),
    Rule("bad-suite", "PACKAGE takes DISTRIBUTION:RELEASE first: debian:bookworm, ubuntu:noble, rhel:9."),
    Rule("unknown-distribution", "PACKAGE supports Debian, Ubuntu, RHEL and their derivatives."),
    Rule(
        "bad-kube-version", "KUBEVERSION takes a range of versions: >=1.20 <1.30, 1.22 - 1.24, ~1.20, ^1.2."
    ),
    Rule(
        "out-of-support",
        "Kubernetes, containerd, etcd and distributions should still get security updates; "
        "`make` requires --allow-eol for others.",
        warning=True,
    ),
    Rule("kube-version-unfit", "The bundle's version of Kubernetes must be in every KUBEVERSION range."),
    Rule("bad-platform", "The base has the platform of the whole bundle; `bundler make --platform` sets it."),
    Rule("old-env-form", "Write NAME=value; without `=` the rest of the line is one value.", warning=True),
    Rule("maintainer-old", "MAINTAINER is the old form of LABEL maintainer=.", warning=True),
    Rule("stage-name", "A Kubefile has one stage; naming it has no effect.", warning=True),
    # the whole file
    Rule("no-from", "A Kubefile starts with FROM; only ARG may come before it."),
    Rule("from-twice", "A Kubefile has one FROM."),
    Rule(
        "from-unknown",
        "FROM names scratch, a catalogue entry, a folder, a Kubefile, a .run or a bundle in a registry (oci://…).",
    ),
    Rule("from-unsupported", "An image can't be a base; a bundle in a registry is named oci://…"),
    Rule("from-damaged", "A .run in FROM must be complete and in a format that this bundler reads."),
    Rule("from-platform", "A .run in FROM must be for the platform of the build."),
    Rule("from-cycle", "A Kubefile can't be FROM itself."),
    Rule("include-variable", "INCLUDE names blocks literally."),
    Rule("include-place", "INCLUDE comes before everything but ARG, FROM and LABEL."),
    Rule("include-unknown", "INCLUDE names catalogue entries, folders with a Kubefile, or Kubefiles."),
    Rule("include-base", "An included block is FROM scratch; only the base provides a cluster."),
    Rule("include-cycle", "A block can't include itself."),
    Rule("include-app", "Two blocks can't have an app of the same name."),
    Rule("include-port", "Two blocks can't use the same host port."),
    Rule("launch-not-last", "LAUNCH or CMDS is the last instruction."),
    Rule("launch-twice", "There is one LAUNCH or one CMDS."),
    Rule("launch-and-cmds", "LAUNCH and CMDS (or CMD) exclude each other."),
    Rule("launch-unknown-app", "LAUNCH names apps that APP, CNI, CSI or the base define."),
    Rule("launch-plugin-choice", "With several CNI plug-ins, LAUNCH names the one to use."),
    Rule("cmd-old-form", "CMD is the old form of CMDS.", warning=True),
    Rule("app-twice", "Of two apps with the same name, the later one replaces the earlier.", warning=True),
    Rule("app-unknown", "APPCMDS and APPENV come after the APP that they name."),
    Rule("chart-dependencies", "All dependencies of a chart must be found and match its Chart.yaml."),
    Rule("chart-values", "--values and --also-values name YAML files of the build context."),
    Rule("app-kustomize", "An app with a kustomization.yaml is built by kubectl."),
    Rule("app-kind-unknown", "An app's files determine how it is launched, unless APPCMDS does."),
    Rule("no-checksum", "A download without --checksum may change unnoticed.", warning=True),
    Rule("plain-http", "Over plain http, anyone on the network path can change the file.", warning=True),
    Rule("add-archive", "ADD unpacks an archive only with --unpack.", warning=True),
    Rule("host-path", "Programs go to bin/: the bundle has its own tree, not the hosts'.", warning=True),
    Rule("undefined-variable", "An undefined variable expands to nothing.", warning=True),
    Rule("parenthesised-variable", "A variable is $NAME or ${NAME}; $(NAME) runs a command.", warning=True),
    Rule("secret-in-kubefile", "Anyone who has the bundle can read ENV and APPENV.", warning=True),
    Rule("unused-build-arg", "--build-arg names an ARG of the Kubefile or of its base."),
    # files
    Rule("source-not-found", "Sources of COPY, ADD, APP and IMAGE must be in the build context."),
    Rule("source-outside", "Files outside the build context can't be copied."),
    Rule("source-special", "Only files, folders and symbolic links can be copied."),
    Rule("needs-folder", "Several files need a folder as destination: end it with `/`."),
    Rule("path-conflict", "A file can't replace a folder or link, nor the other way round."),
    Rule("bad-path", "Paths stay inside the bundle: no `..`."),
    Rule("bad-archive", "--unpack reads tar archives of plain files, folders and links that stay inside."),
)
