git init -q .
git config 'filter.a=b.clean' cat
