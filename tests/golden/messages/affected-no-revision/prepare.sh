git init -q . && git add trilock.toml && git -c user.name=t -c user.email=t@example.com commit -qm first && git tag release-1
