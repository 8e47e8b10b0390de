"""HTTP downloads, mirrors, logins."""
