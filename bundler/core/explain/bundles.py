"""What goes wrong with `.run` files, keys and registries, in both programs."""

from bundler.core.errors import ExitCode
from bundler.core.explain.model import Explanation

BUNDLES = (
    Explanation(
        "BND-UNTRUSTED",
        "the file is not signed by a key that is trusted here",
        (
            "the vendor's key is not in the trust folder yet",
            "the file is unsigned, or signed by someone else",
        ),
        (
            "get the vendor's public key through a separate channel",
            "put it into /etc/bundler/trust.d, or name it: `--trusted-key FILE`",
            "verify it with stock tools: docs/security.md",
        ),
        ExitCode.TRUST,
    ),
    Explanation(
        "BND-KEY-CHANGED",
        "the site knows this product under a different key",
        ("the vendor has a new key", "the file is not the vendor's"),
        ("ask the vendor", "then: `--accept-new-key`"),
        ExitCode.TRUST,
    ),
    Explanation(
        "BND-SIGNATURE",
        "a signature does not fit the file",
        ("the file was changed after it was signed", "the signature belongs to another file"),
        ("get the file again and compare its digest with the vendor's page",),
        ExitCode.TRUST,
    ),
    Explanation(
        "BND-TRUST-FOLDER",
        "the folder of trusted keys can't be relied on",
        ("users other than you and root can write to it", "a file in it can't be read"),
        ("`chown -R root: /etc/bundler/trust.d && chmod -R go-w /etc/bundler/trust.d`",),
        ExitCode.TRUST,
    ),
    Explanation(
        "BND-DAMAGED",
        "the `.run` is damaged",
        ("it was copied in part", "the medium is bad"),
        ("copy it again", "compare: `sha256sum product.run`, then `./product.run --check`"),
        ExitCode.INTEGRITY,
    ),
    Explanation(
        "BND-DELTA-BASE",
        "this file has only what changed, and its base is not here",
        ("a delta was brought to a site that lacks the previous version",),
        ("put the base beside it, as the message names it", "or ask the vendor for the whole file"),
        ExitCode.NOT_FOUND,
    ),
    Explanation(
        "BND-REGISTRY-LOGIN",
        "a registry denies access",
        ("no login, a wrong one, or one without access to this repository",),
        ("`skopeo login REGISTRY` or `docker login REGISTRY`, then the same command",),
        ExitCode.TRUST,
    ),
    Explanation(
        "BND-TLS",
        "a server's identity can't be verified",
        ("its certificate is expired, made out for another name, or of a private CA",),
        ("name the CA: SSL_CERT_FILE, or `--ca-file` where there is one", "don't turn verification off"),
        ExitCode.TRUST,
    ),
    Explanation(
        "BND-EOL",
        "something to be bundled is out of support",
        ("Kubernetes, containerd, etcd or a distribution's release gets no more fixes",),
        ("take a newer version", "to build it all the same: `--allow-eol`"),
        ExitCode.UNSUPPORTED,
    ),
    Explanation(
        "BND-OFFLINE",
        "the build is offline, and the cache lacks something",
        ("it was never fetched on this machine", "the cache was cleared"),
        ("run once without `--offline`", "or copy the cache of a machine that has it"),
        ExitCode.NOT_FOUND,
    ),
    Explanation(
        "BND-LOCK-DIFFERS",
        "what the lock names is no longer available",
        ("upstream moved a tag or removed a file",),
        ("see what it is: `bundler why NAME`", "take the new one: `bundler update NAME`"),
        ExitCode.NOT_FOUND,
    ),
)
