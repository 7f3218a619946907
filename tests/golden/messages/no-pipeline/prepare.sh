rm trilock.toml
