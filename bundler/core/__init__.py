"""What builder and installer share: pure, without network, ssh or terminal."""
