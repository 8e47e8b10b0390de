"""OS packages with all they depend on, as a repository that the site's apt reads with no other enabled."""

from bundler.builder.packages.resolve import PackageOptions, PackageRequest, SuitePackages, resolve_packages

__all__ = ["PackageOptions", "PackageRequest", "SuitePackages", "resolve_packages"]
