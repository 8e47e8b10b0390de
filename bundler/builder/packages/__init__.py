"""OS packages with all they depend on, as a repository that the site's package manager reads alone."""

from bundler.builder.packages.resolve import resolve_packages
from bundler.builder.packages.source import PackageOptions, PackageRequest, SuitePackages
from bundler.builder.packages.sources import PackageSources

__all__ = ["PackageOptions", "PackageRequest", "PackageSources", "SuitePackages", "resolve_packages"]
