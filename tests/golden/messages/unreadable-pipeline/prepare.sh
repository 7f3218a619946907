chmod 000 trilock.toml
