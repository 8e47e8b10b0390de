module bundler.invalid/catalog/nodes

go 1.26.0
